package jobstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// T is the part of *testing.T that the clauses need.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
	Cleanup(func())
}

// Open opens an empty store; what must be closed is closed by t.Cleanup. Several
// may be open one after the other, each with jobs of its own.
type Open func(t T) jobs.Store

// Reopener is a store whose jobs outlive it. Reopen closes the store and opens
// another one over the same jobs. The clause on durability has nothing to test in
// a store that is none: a wrapper must pass Reopen on.
type Reopener interface {
	jobs.Store
	Reopen(t T) jobs.Store
}

// Clause is one promise of a store. Check takes an empty store, and tells of a
// broken promise by t.Fatalf.
type Clause struct {
	Name  string
	Check func(t T, store jobs.Store)
}

// Clauses are all promises.
func Clauses() []Clause {
	return append([]Clause{
		{"created job is read as it was written", roundTrip},
		{"every field is kept", everyField},
		{"times are kept to the microsecond in UTC", times},
		{"what is passed in is not kept", copiesIn},
		{"what is returned is the caller's", copiesOut},
		{"an id exists once", exists},
		{"unknown job is not found", notFound},
		{"an update needs the revision", compareAndSet},
		{"an update that failed changes nothing", conflictChangesNothing},
		{"identity can't be updated", identity},
		{"one of racing updates wins", racingUpdates},
		{"one of racing creations wins", racingCreates},
		{"no change is lost", noLostChange},
		{"a job is due at its time and not before", dueTime},
		{"a job without due time is never due", neverDue},
		{"the longest due comes first", dueOrder},
		{"leases that are over come before all else that is due", dueLeases},
		{"due follows updates", dueFollows},
		{"a job that waits keeps its time", waits},
		{"an organization sees its own jobs", isolation},
		{"the newest comes first", listOrder},
		{"pages hold each job once", paging},
		{"a page has at most its limit", pageSize},
		{"pages hold each job once while jobs are added", pagingWhileAdding},
		{"a state is selected", listState},
		{"a cursor that was never given is refused", badCursor},
		{"a job that was deleted is nowhere", deletedIsGone},
		{"a deletion needs the revision", deletionComparesRevision},
		{"racing deletions leave no job", racingDeletions},
		{"a deletion and an update of one revision can't both win", deletionAgainstUpdate},
		{"an id that was deleted can be created again", createdAgain},
		{"organizations that have jobs are found in order", organizationsInOrder},
		{"a context that has ended does nothing", endedContext},
		{"a store that works is ready", ready},
		{"asking whether it is ready changes nothing", readyChangesNothing},
		{unreadable, hidesNoOthers},
		{durability, durable},
	}, nexts()...)
}

// durability is the clause that needs a [Reopener].
const durability = "jobs outlive the store"

// Run runs all clauses, each on a store of its own. The clause on durability is
// skipped, aloud, for a store that is no [Reopener], and the one on unreadable records
// for one that is no [Spoiler].
func Run(t *testing.T, open Open) {
	if open == nil {
		t.Fatal("jobstest: Run needs a function that opens a store")
	}
	for _, c := range Clauses() {
		t.Run(c.Name, func(t *testing.T) {
			s := open(t)
			if _, ok := s.(Reopener); c.Name == durability && !ok {
				t.Skipf("SKIPPED: %T is no jobstest.Reopener, so whether its jobs outlive it is not tested", s)
			}
			skipUnreadable(t, c, s)
			c.Check(t, s)
		})
	}
}

// start is when the jobs of the clauses are made.
var start = time.Date(2030, 1, 2, 3, 4, 5, 678_901_000, time.UTC)

// newJob is an accepted job of an organization, the nth.
func newJob(org string, n int) *jobs.Job {
	at := start.Add(time.Duration(n) * time.Second)
	return &jobs.Job{
		ID: jobs.DerivedID(org, fmt.Sprint(n)), OrganizationID: org, Source: jobs.Webhook, State: jobs.Accepted,
		MaxAttempts: 3, DueAt: at, CreatedAt: at, UpdatedAt: at,
		Payload: jobs.Payload{Bucket: "b", Key: fmt.Sprintf("k/%d", n), Size: int64(n)},
	}
}

func create(t T, s jobs.Store, job *jobs.Job) *jobs.Job {
	t.Helper()
	if err := s.Create(t.Context(), job); err != nil {
		t.Fatalf("create: %v", err)
	}
	return job
}

func get(t T, s jobs.Store, id string) *jobs.Job {
	t.Helper()
	job, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	return job
}

func update(t T, s jobs.Store, job *jobs.Job) {
	t.Helper()
	if err := s.Update(t.Context(), job); err != nil {
		t.Fatalf("update: %v", err)
	}
}
