package jobstest

import (
	"errors"
	"testing"

	"github.com/fhirdock/fhirdock/jobs"
)

// Spoiler is a store whose records can be damaged. Spoil makes a job's record unreadable
// and keeps it in all indexes. The clause on unreadable records is skipped for other
// stores, so a wrapper must implement Spoil too.
type Spoiler interface {
	jobs.Store
	Spoil(t T, id string)
}

// unreadable is the clause that needs a [Spoiler].
const unreadable = "an unreadable record hides no others"

// skipUnreadable skips that clause for a store that is not a Spoiler.
func skipUnreadable(t *testing.T, c Clause, s jobs.Store) {
	if _, ok := s.(Spoiler); !ok && c.Name == unreadable {
		t.Skipf("SKIPPED: %T is not a jobstest.Spoiler, so unreadable records are not tested", s)
	}
}

func hidesNoOthers(t T, s jobs.Store) {
	spoiler, ok := s.(Spoiler)
	if !ok {
		return
	}
	const n = 9
	// The newest and the oldest job, the ends of pages of 2, 3 and 4, and two in a row.
	spoiled := map[int]bool{0: true, 3: true, 4: true, 6: true, 8: true}
	want := map[string]bool{}
	for i := range n {
		job := create(t, s, newJob("a", i))
		if spoiled[i] {
			spoiler.Spoil(t, job.ID)
			if _, err := s.Get(t.Context(), job.ID); !errors.Is(err, jobs.ErrRecord) || errors.Is(err, jobs.ErrNotFound) {
				t.Fatalf("get: %v, not ErrRecord", err)
			}
			continue
		}
		want[job.ID] = true
	}
	for limit := 1; limit <= n+1; limit++ {
		for _, state := range []jobs.State{"", jobs.Accepted} {
			seen, damaged := readablePages(t, s, jobs.Query{OrganizationID: "a", Limit: limit, State: state})
			if !damaged {
				t.Fatalf("pages of %d: unreadable records are skipped without ErrRecord", limit)
			}
			allOnce(t, want, seen)
		}
	}
	found, err := s.Due(t.Context(), start.AddDate(1, 0, 0), n)
	if !errors.Is(err, jobs.ErrRecord) {
		t.Fatalf("due: %v, not ErrRecord", err)
	}
	allOnce(t, want, ids(found))
	found, err = s.Next(t.Context(), jobs.NextQuery{Now: nextNow})
	if err != nil && !errors.Is(err, jobs.ErrRecord) {
		t.Fatalf("next: %v", err)
	}
	if names(found) != "a1" { // 0 is older and can't be read
		t.Fatalf("next returned %q, not the oldest readable job", names(found))
	}
	found, err = s.Next(t.Context(), jobs.NextQuery{Now: nextNow, Limit: n, PerOrganization: n})
	if !errors.Is(err, jobs.ErrRecord) {
		t.Fatalf("next: %v, not ErrRecord", err)
	}
	allOnce(t, want, ids(found))
}

// readablePages reads all pages, including those returned with ErrRecord, and reports
// whether there was such an error.
func readablePages(t T, s jobs.Store, q jobs.Query) (seen map[string]int, damaged bool) {
	t.Helper()
	var all []*jobs.Job
	for range 100 {
		page, err := s.List(t.Context(), q)
		if err != nil && !errors.Is(err, jobs.ErrRecord) {
			t.Fatalf("list: %v", err)
		}
		if page == nil {
			t.Fatalf("list: no page with ErrRecord")
		}
		damaged = damaged || err != nil
		all = append(all, page.Jobs...)
		if page.Next == "" {
			return ids(all), damaged
		}
		q.Cursor = page.Next
	}
	t.Fatalf("the pages do not end")
	return nil, false
}

func ids(all []*jobs.Job) map[string]int {
	seen := map[string]int{}
	for _, job := range all {
		seen[job.ID]++
	}
	return seen
}

func allOnce(t T, want map[string]bool, seen map[string]int) {
	t.Helper()
	if len(seen) != len(want) {
		t.Fatalf("%d readable jobs, not %d", len(seen), len(want))
	}
	for id, n := range seen {
		if n != 1 || !want[id] {
			t.Fatalf("a readable job was returned %d times", n)
		}
	}
}
