package jobstest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// scheduling are the promises of a [jobs.Scheduler]. There is nothing to test in a
// store that is none: a wrapper must pass Heads on.
func scheduling() []Clause {
	return []Clause{
		{"heads are the oldest jobs", scheduler(headsOldest)},
		{"heads have a standing", scheduler(headsStanding)},
		{"heads follow updates", scheduler(headsFollow)},
		{"heads go from one organization to the next", scheduler(headsPages)},
		{"heads of one organization are its own", scheduler(headsOfOne)},
		{"heads hold the whole job", scheduler(headsWhole)},
		{"heads need a context that has not ended", scheduler(headsEndedContext)},
	}
}

type schedulerStore interface {
	jobs.Store
	jobs.Scheduler
}

// scheduler is a clause that passes over a store that is no Scheduler.
func scheduler(check func(t T, s schedulerStore)) func(T, jobs.Store) {
	return func(t T, s jobs.Store) {
		if s, ok := s.(schedulerStore); ok {
			check(t, s)
		}
	}
}

// skipHeads skips, aloud, a clause that is passed over.
func skipHeads(t *testing.T, c Clause, s jobs.Store) {
	if _, ok := s.(jobs.Scheduler); !ok && strings.HasPrefix(c.Name, "heads ") {
		t.Skipf("SKIPPED: %T is no jobs.Scheduler, so its heads are not tested", s)
	}
}

// heads are written as organization and number, in order.
func heads(t T, s jobs.Scheduler, q jobs.HeadsQuery) string {
	t.Helper()
	found, err := s.Heads(t.Context(), q)
	if err != nil {
		t.Fatalf("heads: %v", err)
	}
	names := make([]string, len(found))
	for i, j := range found {
		names[i] = j.OrganizationID + strings.TrimPrefix(j.Payload.Key, "k/")
	}
	return strings.Join(names, " ")
}

func wantHeads(t T, s jobs.Scheduler, q jobs.HeadsQuery, want string) {
	t.Helper()
	if got := heads(t, s, q); got != want {
		t.Fatalf("the heads of %+v are %q, not %q", q, got, want)
	}
}

// createIn makes the nth job of an organization, in a state.
func createIn(t T, s jobs.Store, org string, n int, state jobs.State, begun bool) *jobs.Job {
	t.Helper()
	job := newJob(org, n)
	job.State = state
	if begun {
		job.StartedAt = job.CreatedAt
	}
	return create(t, s, job)
}

func headsOldest(t T, s schedulerStore) {
	for _, n := range []int{4, 2, 5, 3, 1} {
		create(t, s, newJob("a", n))
	}
	wantHeads(t, s, jobs.HeadsQuery{}, "a1")
	wantHeads(t, s, jobs.HeadsQuery{PerOrganization: 3}, "a1 a2 a3")
	wantHeads(t, s, jobs.HeadsQuery{PerOrganization: 9}, "a1 a2 a3 a4 a5")
	// Of the same time, the lower id comes first.
	var twins []string
	for _, name := range []string{"x", "y", "z"} {
		twin := newJob("b", 0)
		twin.ID = jobs.DerivedID(name)
		twins = append(twins, twin.ID)
		create(t, s, twin)
	}
	slices.Sort(twins)
	found, err := s.Heads(t.Context(), jobs.HeadsQuery{After: "a", PerOrganization: 2})
	if err != nil || len(found) != 2 || found[0].ID != twins[0] || found[1].ID != twins[1] {
		t.Fatalf("jobs of the same time are not in order of their ids; error %v", err)
	}
}

func headsStanding(t T, s schedulerStore) {
	for n, state := range jobs.States() { // the oldest two awaits its upload and is accepted
		createIn(t, s, "a", n, state, state == jobs.Processing || state == jobs.Completed || state == jobs.Failed)
		createIn(t, s, "b", n, state, false) // was refused before work on it began
	}
	createIn(t, s, "c", 0, jobs.Failed, true)
	createIn(t, s, "d", 0, jobs.Failed, true)
	createIn(t, s, "d", 1, jobs.Processing, true)
	all := jobs.HeadsQuery{PerOrganization: 9}
	wantHeads(t, s, all, "a1 a2 b1 b2 d1")
	all.Standing = jobs.Waiting
	wantHeads(t, s, all, "a1 b1")
	all.Standing = jobs.Unsettled
	wantHeads(t, s, all, "a1 a2 a4 b1 b2 d0 d1")
	all.PerOrganization = 1
	wantHeads(t, s, all, "a1 b1 d0")
	for org, want := range map[string]string{"a": "a1", "c": "", "d": "d0"} {
		wantHeads(t, s, jobs.HeadsQuery{Standing: jobs.Unsettled, OrganizationID: org}, want)
	}
	wantHeads(t, s, jobs.HeadsQuery{Standing: jobs.Waiting, OrganizationID: "d"}, "")
}

func headsFollow(t T, s schedulerStore) {
	first, second := createIn(t, s, "a", 1, jobs.AwaitingUpload, false), create(t, s, newJob("a", 2))
	wantHeads(t, s, jobs.HeadsQuery{}, "a2")
	move := func(job *jobs.Job, state jobs.State) {
		t.Helper()
		job.State = state
		job.StartedAt = start
		update(t, s, job)
	}
	move(first, jobs.Accepted)
	wantHeads(t, s, jobs.HeadsQuery{}, "a1")
	move(first, jobs.Processing)
	wantHeads(t, s, jobs.HeadsQuery{}, "a1")
	wantHeads(t, s, jobs.HeadsQuery{Standing: jobs.Waiting}, "a2")
	move(first, jobs.Failed)
	wantHeads(t, s, jobs.HeadsQuery{}, "a2")
	wantHeads(t, s, jobs.HeadsQuery{Standing: jobs.Unsettled}, "a1")
	move(first, jobs.Accepted)
	wantHeads(t, s, jobs.HeadsQuery{}, "a1")
	move(first, jobs.Completed)
	move(second, jobs.Cancelled)
	wantHeads(t, s, jobs.HeadsQuery{}, "")
	move(second, jobs.Accepted)
	wantHeads(t, s, jobs.HeadsQuery{}, "a2")
}

func headsPages(t T, s schedulerStore) {
	for _, org := range []string{"é", "b", "a-1", "B", "a"} { // in order: B a a-1 b é
		for n := range 3 {
			create(t, s, newJob(org, n))
		}
	}
	createIn(t, s, "ab", 0, jobs.Completed, true)
	wantHeads(t, s, jobs.HeadsQuery{}, "B0 a0 a-10 b0 é0")
	wantHeads(t, s, jobs.HeadsQuery{Organizations: 2, PerOrganization: 2}, "B0 B1 a0 a1")
	wantHeads(t, s, jobs.HeadsQuery{Organizations: 2, After: "a"}, "a-10 b0")
	wantHeads(t, s, jobs.HeadsQuery{Organizations: 2, After: "ac"}, "b0 é0")
	wantHeads(t, s, jobs.HeadsQuery{Standing: jobs.Waiting, After: "b"}, "é0")
	wantHeads(t, s, jobs.HeadsQuery{Standing: jobs.Unsettled, After: "é"}, "")
}

func headsOfOne(t T, s schedulerStore) {
	for _, org := range []string{"a", "b", "ba"} {
		for n := range 3 {
			create(t, s, newJob(org, n))
		}
	}
	wantHeads(t, s, jobs.HeadsQuery{OrganizationID: "b", PerOrganization: 2}, "b0 b1")
	wantHeads(t, s, jobs.HeadsQuery{OrganizationID: "b", After: "z"}, "b0")
	for _, org := range []string{"c", "B", "%", "' OR 1=1 --"} {
		wantHeads(t, s, jobs.HeadsQuery{OrganizationID: org}, "")
	}
}

func headsWhole(t T, s schedulerStore) {
	job := newJob("a", 1)
	job.ResourceCounts = map[string]int64{"Patient": 1}
	job.NotBefore = start.Add(time.Hour)
	create(t, s, job)
	update(t, s, job)
	for range 2 { // what is returned is the caller's
		found, err := s.Heads(t.Context(), jobs.HeadsQuery{})
		if err != nil || len(found) != 1 {
			t.Fatalf("%d heads, not one; error %v", len(found), err)
		}
		same(t, job, found[0])
		found[0].ResourceCounts["Patient"], found[0].State = 2, jobs.Failed
	}
}

func headsEndedContext(t T, s schedulerStore) {
	create(t, s, newJob("a", 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Heads(ctx, jobs.HeadsQuery{}); err == nil {
		t.Fatalf("heads succeeded under a context that has ended")
	}
}
