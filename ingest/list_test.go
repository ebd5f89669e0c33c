package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// weighed records how much a store was asked for at a time, in bytes of issues.
type weighed struct {
	jobs.Store
	calls, most int
	slow        time.Duration
}

func (s *weighed) List(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	time.Sleep(s.slow)
	page, err := s.Store.List(ctx, q)
	sum := 0
	if page != nil {
		for _, j := range page.Jobs {
			sum += len(j.Issues)
		}
	}
	s.calls, s.most = s.calls+1, max(s.most, sum)
	return page, err
}

// recorded creates jobs with issues of a size in bytes.
func recorded(t *testing.T, p *ingesttest.Pipeline, n int, size func(i int) int) {
	t.Helper()
	for i := range n {
		at := p.Clock.Now().Add(time.Duration(i/3) * time.Second) // some at the same time
		job := &jobs.Job{
			ID: jobs.NewID(), OrganizationID: caller.OrganizationID, Source: jobs.Webhook, State: jobs.Failed,
			Failure: &jobs.Failure{Code: fmt.Sprint("code", i%2), Message: "no"}, CreatedAt: at, UpdatedAt: at, FinishedAt: at,
		}
		if size := size(i); size > 0 {
			job.Issues = []byte(`[{"code":"` + strings.Repeat("x", size) + `"}]`)
		}
		require.NoError(t, p.Jobs.Create(t.Context(), job))
	}
}

// Pages end after about 1 MiB of records, each job comes once, and a store is never asked
// for much more.
func TestPagesAreBoundedByBytes(t *testing.T) {
	for name, c := range map[string]struct {
		jobs  int
		size  func(i int) int
		pages func(n int) bool
	}{
		"small":            {700, func(int) int { return 0 }, func(n int) bool { return n == 2 }},
		"large":            {300, func(int) int { return 30 << 10 }, func(n int) bool { return n > 8 && n < 12 }},
		"some large":       {300, func(i int) int { return i % 10 * 8 << 10 }, func(n int) bool { return n > 8 && n < 13 }},
		"large at the end": {300, func(i int) int { return max(0, 250-i) * 200 }, func(n int) bool { return n > 5 && n < 9 }},
		"larger still":     {5, func(int) int { return 2 << 20 }, func(n int) bool { return n == 5 }},
	} {
		for _, code := range []string{"", "code1"} {
			t.Run(name+code, func(t *testing.T) {
				store := &weighed{Store: jobs.NewMemStore()}
				p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
				recorded(t, p, c.jobs, c.size)
				want := map[string]bool{}
				for q := (jobs.Query{OrganizationID: caller.OrganizationID}); ; {
					page, err := store.Store.List(t.Context(), q)
					require.NoError(t, err)
					for _, j := range page.Jobs {
						if code == "" || j.Failure.Code == code {
							want[j.ID] = true
						}
					}
					if q.Cursor = page.Next; q.Cursor == "" {
						break
					}
				}
				pages := 0
				last := jobs.Cursor{}
				for req := (ingest.ListRequest{Limit: 500, Code: code}); ; pages++ {
					page, err := p.Service.Jobs(t.Context(), caller, req)
					require.NoError(t, err)
					require.LessOrEqual(t, len(page.Jobs), 500)
					sum := 0
					for i, j := range page.Jobs {
						require.True(t, want[j.ID], "once")
						delete(want, j.ID)
						if sum += len(j.Issues); i+1 < len(page.Jobs) {
							require.Less(t, sum, 1<<20)
						}
						if !last.CreatedAt.IsZero() {
							require.Negative(t, jobs.CursorOf(j).Compare(last), "newest first")
						}
						last = jobs.CursorOf(j)
					}
					if req.Cursor = page.Next; req.Cursor == "" {
						pages++
						break
					}
				}
				require.Empty(t, want)
				if code == "" {
					require.True(t, c.pages(pages), "%d pages", pages)
				}
				if name != "larger still" { // the size of the first records is unknown
					require.Less(t, store.most, 4<<20)
				}
			})
		}
	}
}

// A slow store gives shorter pages, not an error.
func TestPagesOfASlowStoreAreShort(t *testing.T) {
	store := &weighed{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store, Service: ingest.Options{StoreTimeout: 2 * time.Second}})
	recorded(t, p, 120, func(int) int { return 0 })
	page, err := p.Service.Jobs(t.Context(), caller, ingest.ListRequest{Limit: 120})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 120)

	store.slow = 1100 * time.Millisecond // more than half of StoreTimeout
	page, err = p.Service.Jobs(t.Context(), caller, ingest.ListRequest{Limit: 120})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1)
	require.NotEmpty(t, page.Next)
}
