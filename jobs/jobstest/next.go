package jobstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// nexts returns the clauses of Store.Next, and of Store.Count of accepted jobs and of others.
func nexts() []Clause {
	return []Clause{
		{"next returns the oldest job first", nextOldest},
		{"next returns only ready jobs", nextReady},
		{"next skips jobs in back-off", nextBackOffs},
		{"next reflects updates", nextFollows},
		{"next serves organizations in turn", nextInTurn},
		{"next of one organization returns only its jobs", nextOfOne},
		{"next returns the whole job", nextWhole},
		{"next claims what it returns", nextClaims},
		{"next claims each job once", nextRacing},
		{"next keeps an order", nextOrdered},
		{"next blocks after a failed job", nextBlocking},
		{"next keeps the order under racing claims", nextOrderedRacing},
		{"next fails under an ended context", nextEndedContext},
		{"waiting jobs are counted up to a limit", waitingCounted},
		{"the jobs in a state are counted up to a limit", statesCounted},
	}
}

// nextNow is after the creation of all jobs.
var nextNow = start.Add(time.Hour)

// names returns the organization and number of each job, in order.
func names(found []*jobs.Job) string {
	all := make([]string, len(found))
	for i, j := range found {
		all[i] = j.OrganizationID + strings.TrimPrefix(j.Payload.Key, "k/")
	}
	return strings.Join(all, " ")
}

func next(t T, s jobs.Store, q jobs.NextQuery) []*jobs.Job {
	t.Helper()
	if q.Now.IsZero() {
		q.Now = nextNow
	}
	found, err := s.Next(t.Context(), q)
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	return found
}

func wantNext(t T, s jobs.Store, q jobs.NextQuery, want string) {
	t.Helper()
	if got := names(next(t, s, q)); got != want {
		t.Fatalf("next returned %q, not %q: limit %d, per organization %d, after %q, organization %q, order %d",
			got, want, q.Limit, q.PerOrganization, q.After, q.OrganizationID, q.Order)
	}
}

// createIn creates the nth job of an organization in a state.
func createIn(t T, s jobs.Store, org string, n int, state jobs.State, begun bool) *jobs.Job {
	t.Helper()
	job := newJob(org, n)
	job.State = state
	if begun {
		job.StartedAt = job.CreatedAt
	}
	if state.Finished() {
		job.DueAt = time.Time{}
	}
	return create(t, s, job)
}

// createDelayed creates the nth job of an organization with a NotBefore.
func createDelayed(t T, s jobs.Store, org string, n int, notBefore time.Time) *jobs.Job {
	t.Helper()
	job := newJob(org, n)
	job.NotBefore, job.StartedAt = notBefore, job.CreatedAt
	return create(t, s, job)
}

func nextOldest(t T, s jobs.Store) {
	for _, n := range []int{4, 2, 5, 3, 1} {
		create(t, s, newJob("a", n))
	}
	wantNext(t, s, jobs.NextQuery{}, "a1")
	wantNext(t, s, jobs.NextQuery{Limit: 9}, "a1")
	wantNext(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 3}, "a1 a2 a3")
	wantNext(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 9}, "a1 a2 a3 a4 a5")
	wantNext(t, s, jobs.NextQuery{Limit: 2, PerOrganization: 9}, "a1 a2")
	// Of jobs with the same time, the lower id comes first.
	var twins []string
	for _, name := range []string{"x", "y", "z"} {
		twin := newJob("b", 0)
		twin.ID = jobs.DerivedID(name)
		twins = append(twins, twin.ID)
		create(t, s, twin)
	}
	slices.Sort(twins)
	found := next(t, s, jobs.NextQuery{After: "a", Limit: 2, PerOrganization: 2})
	if len(found) != 2 || found[0].ID != twins[0] || found[1].ID != twins[1] {
		t.Fatalf("jobs with the same time are not ordered by id")
	}
}

func nextReady(t T, s jobs.Store) {
	for n, state := range jobs.States() { // 1 is accepted
		createIn(t, s, "a", n, state, state == jobs.Processing || state == jobs.Completed || state == jobs.Failed)
	}
	createDelayed(t, s, "b", 0, nextNow)
	createDelayed(t, s, "c", 0, nextNow.Add(time.Microsecond))
	clear := newJob("d", 0) // a cancelled job that needs clean-up
	clear.State, clear.NotBefore, clear.StartedAt = jobs.Cancelled, start, start
	create(t, s, clear)
	wantNext(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 9}, "a1 b0 d0")
	wantNext(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 9, Now: nextNow.Add(-time.Microsecond)}, "a1 d0")
	wantNext(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 9, Now: start.Add(-time.Hour)}, "a1")
	clear.DueAt, clear.NotBefore = time.Time{}, time.Time{}
	update(t, s, clear)
	wantNext(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 9}, "a1 b0")
}

// Next finds ready jobs however many others are in back-off, and orders a job whose
// back-off is over by its age.
func nextBackOffs(t T, s jobs.Store) {
	for n := range 70 {
		createDelayed(t, s, "a", n, nextNow.Add(time.Duration(70-n)*time.Second))
		if n%7 == 0 {
			createDelayed(t, s, fmt.Sprintf("b%d", n), 0, nextNow.Add(time.Second))
		}
	}
	create(t, s, newJob("a", 70))
	create(t, s, newJob("a", 71))
	create(t, s, newJob("c", 0))
	wantNext(t, s, jobs.NextQuery{Limit: 3}, "a70 c0")
	wantNext(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 2, After: "b"}, "c0 a70 a71")
	now := nextNow.Add(2500 * time.Millisecond) // the back-offs of the last two jobs of a are over
	wantNext(t, s, jobs.NextQuery{Now: now, OrganizationID: "a", Limit: 9, PerOrganization: 3}, "a68 a69 a70")
	if found := next(t, s, jobs.NextQuery{Now: now, Limit: 20}); len(found) != 12 {
		t.Fatalf("next returned %d jobs, not one of each of 12 organizations", len(found))
	}
}

func nextFollows(t T, s jobs.Store) {
	first, second := createIn(t, s, "a", 1, jobs.AwaitingUpload, false), create(t, s, newJob("a", 2))
	wantNext(t, s, jobs.NextQuery{}, "a2")
	move := func(job *jobs.Job, state jobs.State, notBefore time.Time) {
		t.Helper()
		job.State, job.NotBefore, job.StartedAt = state, notBefore, start
		update(t, s, job)
	}
	move(first, jobs.Accepted, time.Time{})
	wantNext(t, s, jobs.NextQuery{}, "a1")
	move(first, jobs.Processing, time.Time{})
	wantNext(t, s, jobs.NextQuery{}, "a2")
	move(first, jobs.Accepted, nextNow.Add(time.Second))
	wantNext(t, s, jobs.NextQuery{}, "a2")
	wantNext(t, s, jobs.NextQuery{Now: nextNow.Add(time.Second)}, "a1")
	move(first, jobs.Accepted, nextNow.Add(time.Minute))
	wantNext(t, s, jobs.NextQuery{Now: nextNow.Add(time.Second)}, "a2")
	move(first, jobs.Completed, time.Time{})
	move(second, jobs.Failed, time.Time{})
	wantNext(t, s, jobs.NextQuery{}, "")
	move(second, jobs.Accepted, time.Time{})
	wantNext(t, s, jobs.NextQuery{}, "a2")
}

func nextInTurn(t T, s jobs.Store) {
	for _, org := range []string{"é", "b", "a-1", "B", "a"} { // in order: B a a-1 b é
		for n := range 3 {
			create(t, s, newJob(org, n))
		}
	}
	createIn(t, s, "ab", 0, jobs.Completed, true)
	wantNext(t, s, jobs.NextQuery{Limit: 9}, "B0 a0 a-10 b0 é0")
	wantNext(t, s, jobs.NextQuery{Limit: 4, PerOrganization: 2}, "B0 B1 a0 a1")
	wantNext(t, s, jobs.NextQuery{Limit: 3, PerOrganization: 2}, "B0 B1 a0")
	wantNext(t, s, jobs.NextQuery{Limit: 2, After: "a"}, "a-10 b0")
	wantNext(t, s, jobs.NextQuery{Limit: 3, After: "ac"}, "b0 é0 B0")
	wantNext(t, s, jobs.NextQuery{Limit: 9, After: "b"}, "é0 B0 a0 a-10 b0")
	wantNext(t, s, jobs.NextQuery{Limit: 9, After: "é"}, "B0 a0 a-10 b0 é0")
	wantNext(t, s, jobs.NextQuery{Limit: 9, After: "z", PerOrganization: 1}, "é0 B0 a0 a-10 b0")
}

func nextOfOne(t T, s jobs.Store) {
	for _, org := range []string{"a", "b", "ba"} {
		for n := range 3 {
			create(t, s, newJob(org, n))
		}
	}
	wantNext(t, s, jobs.NextQuery{OrganizationID: "b", Limit: 9, PerOrganization: 2}, "b0 b1")
	wantNext(t, s, jobs.NextQuery{OrganizationID: "b", Limit: 9, After: "z"}, "b0")
	for _, org := range []string{"c", "B", "%", "' OR 1=1 --"} {
		wantNext(t, s, jobs.NextQuery{OrganizationID: org, Limit: 9}, "")
	}
}

func nextWhole(t T, s jobs.Store) {
	job := newJob("a", 1)
	job.ResourceCounts = map[string]int64{"Patient": 1}
	job.NotBefore = start
	create(t, s, job)
	update(t, s, job)
	for range 2 { // the caller may change what is returned
		found := next(t, s, jobs.NextQuery{})
		if len(found) != 1 {
			t.Fatalf("next returned %d jobs, not one", len(found))
		}
		same(t, job, found[0])
		found[0].ResourceCounts["Patient"], found[0].State = 2, jobs.Failed
	}
}

// claimBy claims jobs as a worker does.
func claimBy(owner string) func(*jobs.Job) error {
	n := 0
	return func(j *jobs.Job) error {
		n++
		_, err := j.Take(nextNow, fmt.Sprintf("%s/%d", owner, n), time.Minute)
		return err
	}
}

func nextClaims(t T, s jobs.Store) {
	for n := range 4 {
		create(t, s, newJob("a", n))
	}
	create(t, s, newJob("b", 0))
	claimed := next(t, s, jobs.NextQuery{Limit: 3, PerOrganization: 2, Claim: claimBy("w")})
	if got := names(claimed); got != "a0 a1 b0" {
		t.Fatalf("claimed %q, not a0, a1 and b0", got)
	}
	for _, job := range claimed {
		if job.State != jobs.Processing || job.Attempt != 1 || job.Revision != 2 {
			t.Fatalf("a claimed job is %s, attempt %d, revision %d", job.State, job.Attempt, job.Revision)
		}
		same(t, job, get(t, s, job.ID))
		job.State = jobs.Completed
		update(t, s, job) // with the revision that was returned
	}
	refused := next(t, s, jobs.NextQuery{Limit: 9, PerOrganization: 9, Claim: func(j *jobs.Job) error {
		if j.Payload.Key == "k/2" {
			j.State = jobs.Failed
			return errors.New("not this one")
		}
		return claimBy("w")(j)
	}})
	if got := names(refused); got != "a3" {
		t.Fatalf("claimed %q, not a3 only", got)
	}
	if left := names(next(t, s, jobs.NextQuery{Limit: 9})); left != "a2" {
		t.Fatalf("next returned %q, not the unclaimed job a2", left)
	}
}

func nextRacing(t T, s jobs.Store) {
	const organizations, each = 4, 15
	for org := range organizations {
		for n := range each {
			create(t, s, newJob(fmt.Sprintf("o%d", org), n))
		}
	}
	var mu sync.Mutex
	seen := map[string]int{}
	all(t, 6, func(ctx context.Context, worker int) error {
		claim := claimBy(fmt.Sprint("w", worker))
		after := ""
		for quiet := 0; quiet < 20; {
			found, err := s.Next(ctx, jobs.NextQuery{Now: nextNow, Limit: 1 + worker%3, After: after, Claim: claim})
			if err != nil {
				return err
			}
			if len(found) == 0 {
				quiet++
			}
			mu.Lock()
			for _, job := range found {
				seen[job.ID]++
				after = job.OrganizationID
			}
			mu.Unlock()
		}
		return nil
	})
	for id, n := range seen {
		if n != 1 {
			t.Fatalf("job %s was claimed %d times", id, n)
		}
	}
	if len(seen) != organizations*each {
		t.Fatalf("%d of %d jobs were claimed", len(seen), organizations*each)
	}
}

func nextEndedContext(t T, s jobs.Store) {
	create(t, s, newJob("a", 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx, jobs.NextQuery{Now: nextNow}); err == nil {
		t.Fatalf("next succeeded under an ended context")
	}
}
