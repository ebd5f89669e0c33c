package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// failed records n failed jobs, each a second older than the one before, and returns their
// ids, newest first.
func failed(t *testing.T, p *ingesttest.Pipeline, n int, change func(i int, j *jobs.Job)) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		at := p.Clock.Now().Add(-time.Duration(i) * time.Second)
		job := &jobs.Job{
			ID: jobs.NewID(), OrganizationID: caller.OrganizationID, Source: jobs.Webhook, State: jobs.Failed,
			Failure: &jobs.Failure{Code: "handler", Message: "No", At: at}, MaxAttempts: 3, Attempt: 3,
			CreatedAt: at.Add(-time.Hour), StartedAt: at.Add(-time.Minute), FinishedAt: at, UpdatedAt: at,
		}
		if change != nil {
			change(i, job)
		}
		require.NoError(t, p.Jobs.Create(t.Context(), job))
		ids[i] = job.ID
	}
	return ids
}

// redriven returns the indexes of the jobs that are accepted again.
func redriven(t *testing.T, p *ingesttest.Pipeline, ids []string) (places []int) {
	t.Helper()
	for i, id := range ids {
		if job := mustGet(t, p, id); job.State == jobs.Accepted {
			require.Zero(t, job.Attempt)
			require.Nil(t, job.Failure)
			require.False(t, job.DueAt.IsZero())
			places = append(places, i)
		}
	}
	return places
}

func TestRedriveAllSelects(t *testing.T) {
	for name, c := range map[string]struct {
		req     func(now time.Time) ingest.RedriveRequest
		want    []int
		skipped int
	}{
		"all":     {func(time.Time) ingest.RedriveRequest { return ingest.RedriveRequest{} }, []int{0, 1, 4, 5}, 1},
		"by code": {func(time.Time) ingest.RedriveRequest { return ingest.RedriveRequest{Code: "closed"} }, []int{1, 5}, 0},
		"no such": {func(time.Time) ingest.RedriveRequest { return ingest.RedriveRequest{Code: "close"} }, nil, 0},
		"from a time": {func(now time.Time) ingest.RedriveRequest {
			return ingest.RedriveRequest{After: now.Add(-4 * time.Second)}
		}, []int{0, 1, 4}, 1},
		"up to one":   {func(now time.Time) ingest.RedriveRequest { return ingest.RedriveRequest{Before: now.Add(-time.Second)} }, []int{4, 5}, 1},
		"at most one": {func(time.Time) ingest.RedriveRequest { return ingest.RedriveRequest{Limit: 1} }, []int{0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
			ids := failed(t, p, 6, func(i int, j *jobs.Job) {
				switch i {
				case 1, 5:
					j.Failure.Code = "closed"
				case 2:
					j.OrganizationID = "another"
				case 3:
					j.StartedAt, j.Failure.Code = time.Time{}, "upload-mismatch"
				}
			})
			other := failed(t, p, 1, func(_ int, j *jobs.Job) { j.State = jobs.Completed })
			done, err := p.Service.RedriveAll(t.Context(), caller, c.req(p.Clock.Now()))
			require.NoError(t, err)
			require.Equal(t, c.want, redriven(t, p, ids))
			require.Empty(t, redriven(t, p, other), "completed jobs are not redriven")
			require.Equal(t, len(c.want), done.Jobs)
			require.Equal(t, c.skipped, done.Skipped)
			require.Equal(t, name == "at most one", done.Next != "")
		})
	}
}

// A pass ends although jobs fail again during it, and redrives each job once.
func TestRedriveAllContinuesFromItsCursor(t *testing.T) {
	for limit, want := range map[int]int{7: 5, 10: 3, 30: 1, 500: 1} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
		ids := failed(t, p, 30, nil)
		times := map[string]int{}
		req := ingest.RedriveRequest{Limit: limit}
		calls := 0
		for {
			done, err := p.Service.RedriveAll(t.Context(), caller, req)
			require.NoError(t, err)
			calls++
			waiting := redriven(t, p, ids)
			require.Len(t, waiting, done.Jobs)
			for _, i := range waiting {
				times[ids[i]]++
				_, err := jobs.Change(t.Context(), p.Jobs, ids[i], func(j *jobs.Job) error {
					claim, err := j.Take(p.Clock.Now(), "w", time.Second)
					require.NoError(t, err)
					return j.Fail(p.Clock.Now(), *claim, jobs.Failure{Code: "again"})
				})
				require.NoError(t, err)
			}
			if req.Cursor = done.Next; req.Cursor == "" {
				break
			}
		}
		require.Equal(t, want, calls, "limit %d", limit)
		require.Len(t, times, 30)
		for id, n := range times {
			require.Equal(t, 1, n, id)
		}
	}
}

// A call looks at a bounded number of jobs, and returns where it stopped.
func TestACallLooksAtABoundedNumberOfJobs(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	ids := failed(t, p, 2100, func(i int, j *jobs.Job) {
		if i == 2050 {
			j.Failure.Code = "closed"
		}
	})
	page, err := p.Service.Jobs(t.Context(), caller, ingest.ListRequest{State: jobs.Failed, Code: "closed"})
	require.NoError(t, err)
	require.Empty(t, page.Jobs)
	require.NotEmpty(t, page.Next)
	page, err = p.Service.Jobs(t.Context(), caller, ingest.ListRequest{State: jobs.Failed, Code: "closed", Cursor: page.Next})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1)
	require.Equal(t, ids[2050], page.Jobs[0].ID)
	require.Empty(t, page.Next)

	done, err := p.Service.RedriveAll(t.Context(), caller, ingest.RedriveRequest{Code: "closed"})
	require.NoError(t, err)
	require.Zero(t, done.Jobs)
	done, err = p.Service.RedriveAll(t.Context(), caller, ingest.RedriveRequest{Code: "closed", Cursor: done.Next})
	require.NoError(t, err)
	require.Equal(t, ingest.Redriven{Jobs: 1}, *done)
	require.Equal(t, []int{2050}, redriven(t, p, ids))
}

// Pages by code have each job once, wherever they end.
func TestJobsByCode(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	ids := failed(t, p, 520, func(i int, j *jobs.Job) {
		if i%2 == 1 {
			j.Failure.Code = "closed"
		}
		if i%8 == 3 {
			j.State, j.Failure = jobs.Completed, nil
		}
	})
	for _, limit := range []int{1, 5, 125, 500} {
		var got []string
		req := ingest.ListRequest{Code: "closed", Limit: limit}
		for {
			page, err := p.Service.Jobs(t.Context(), caller, req)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Jobs), limit)
			for _, j := range page.Jobs {
				got = append(got, j.ID)
			}
			if req.Cursor = page.Next; req.Cursor == "" {
				break
			}
		}
		var want []string
		for i, id := range ids {
			if i%2 == 1 && i%8 != 3 {
				want = append(want, id)
			}
		}
		require.Equal(t, want, got, limit)
	}
	_, err := p.Service.Jobs(t.Context(), caller, ingest.ListRequest{Code: "closed", Cursor: "x"})
	require.ErrorIs(t, err, ingest.ErrInvalid)
}

// failingStore fails the nth update and later ones.
type failingStore struct {
	jobs.Store
	mu sync.Mutex
	n  int
}

func (s *failingStore) Update(ctx context.Context, job *jobs.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n--; s.n < 0 {
		return errors.New("no disk")
	}
	return s.Store.Update(ctx, job)
}

func TestRedriveAllThatFailsHalfway(t *testing.T) {
	store := &failingStore{Store: jobs.NewMemStore(), n: 3}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	ids := failed(t, p, 8, nil)
	done, err := p.Service.RedriveAll(t.Context(), caller, ingest.RedriveRequest{})
	require.ErrorIs(t, err, ingest.ErrUnavailable)
	require.Equal(t, 3, done.Jobs)
	require.Equal(t, []int{0, 1, 2}, redriven(t, p, ids), "redriven jobs stay redriven")
	store.n = 100
	done, err = p.Service.RedriveAll(t.Context(), caller, ingest.RedriveRequest{Cursor: done.Next})
	require.NoError(t, err)
	require.Equal(t, ingest.Redriven{Jobs: 5}, *done, "it continues with the job that failed")
}

func TestConcurrentRedriveAll(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	ids := failed(t, p, 60, nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := 0
	for range 6 {
		wg.Go(func() {
			done, err := p.Service.RedriveAll(context.Background(), caller, ingest.RedriveRequest{Limit: 500})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			total += done.Jobs
		})
	}
	wg.Wait()
	require.Equal(t, 60, total, "each job by one caller")
	require.Len(t, redriven(t, p, ids), 60)
}

func TestRedriveAllRefuses(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	ids := failed(t, p, 2, nil)
	for _, req := range []ingest.RedriveRequest{{Limit: -1}, {Limit: 501}, {Cursor: "x"}} {
		_, err := p.Service.RedriveAll(t.Context(), caller, req)
		require.ErrorIs(t, err, ingest.ErrInvalid)
	}
	_, err := p.Service.RedriveAll(t.Context(), ingest.Caller{}, ingest.RedriveRequest{})
	require.ErrorIs(t, err, ingest.ErrForbidden)
	require.Empty(t, redriven(t, p, ids))
}

// From failure to effect: jobs that failed for a reason are redriven once the reason is
// gone, and continue from their checkpoints.
func TestRedrivenJobsAreProcessed(t *testing.T) {
	p := ingesttest.NewWithOptions(t, smallBatches())
	closed := true
	var mu sync.Mutex
	p.Sink.Intercept(func(_ context.Context, b *ingest.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case strings.HasPrefix(b.Resources[0].ID, "bad"):
			return &ingest.Failure{Code: "bad", Message: "Bad", Permanent: true}
		case closed && b.Start > 0:
			return &ingest.Failure{Code: "closed", Message: "The ward is closed", Permanent: true}
		}
		return nil
	})
	var ids []string
	for range 3 {
		ids = append(ids, p.Client.Upload(t, ndjson, numbered(15)))
	}
	bad := p.Client.Upload(t, ndjson, []byte(`{"resourceType":"Patient","id":"bad"}`))
	for _, id := range append(ids, bad) {
		require.Equal(t, jobs.Failed, p.Wait(t, id).State)
	}
	mu.Lock()
	closed = false
	mu.Unlock()
	done, err := p.Service.RedriveAll(t.Context(), caller, ingest.RedriveRequest{Code: "closed"})
	require.NoError(t, err)
	require.Equal(t, ingest.Redriven{Jobs: 3}, *done)
	for _, id := range ids {
		require.Equal(t, jobs.Completed, p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Completed }).State)
	}
	require.Equal(t, jobs.Failed, mustGet(t, p, bad).State)
	counts := map[string]int{}
	for _, r := range p.Sink.Resources() {
		counts[r.ID]++
	}
	require.Len(t, counts, 15)
	for id, n := range counts {
		require.Equal(t, 3, n, fmt.Sprintf("%s: once for each job", id))
	}
}

// staleStore lists jobs as they were before someone else changed them.
type staleStore struct {
	jobs.Store
	meanwhile func()
}

func (s *staleStore) List(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	page, err := s.Store.List(ctx, q)
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return page, err
}

// A job that someone else redrove, and that has completed, is not redriven again.
func TestRedriveAllLooksAgain(t *testing.T) {
	store := &staleStore{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	ids := failed(t, p, 3, nil)
	store.meanwhile = func() {
		for i, fail := range []bool{false, true} {
			_, err := jobs.Change(t.Context(), store.Store, ids[i], func(j *jobs.Job) error {
				require.NoError(t, j.Redrive(p.Clock.Now()))
				claim, err := j.Take(p.Clock.Now(), "w", time.Second)
				require.NoError(t, err)
				if fail {
					return j.Fail(p.Clock.Now(), *claim, jobs.Failure{Code: "another"})
				}
				return j.Complete(p.Clock.Now(), *claim)
			})
			require.NoError(t, err)
		}
	}
	done, err := p.Service.RedriveAll(t.Context(), caller, ingest.RedriveRequest{Code: "handler"})
	require.NoError(t, err)
	require.Equal(t, ingest.Redriven{Jobs: 1, Skipped: 2}, *done)
	require.Equal(t, jobs.Completed, mustGet(t, p, ids[0]).State)
	require.Zero(t, mustGet(t, p, ids[0]).Run)
	require.Equal(t, jobs.Failed, mustGet(t, p, ids[1]).State)
	require.Equal(t, []int{2}, redriven(t, p, ids))
}
