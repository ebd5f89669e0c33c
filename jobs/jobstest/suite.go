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

// Open opens an empty store and closes it with t.Cleanup. It may be called several times;
// each store has its own jobs.
type Open func(t T) jobs.Store

// Reopener is a durable store. Reopen closes the store and opens another one over the same
// jobs. The clause on durability is skipped for other stores, so a wrapper must implement
// Reopen too.
type Reopener interface {
	jobs.Store
	Reopen(t T) jobs.Store
}

// Clause is one promise of a store. Check takes an empty store, and calls t.Fatalf if the
// promise is broken.
type Clause struct {
	Name  string
	Check func(t T, store jobs.Store)
}

// Clauses returns all clauses of the suite.
func Clauses() []Clause {
	return append([]Clause{
		{"a created job reads back as written", roundTrip},
		{"every field is stored", everyField},
		{"times are stored in UTC to the microsecond", times},
		{"arguments are copied", copiesIn},
		{"results are copies", copiesOut},
		{"ids are unique", exists},
		{"an unknown job is not found", notFound},
		{"an update compares the revision", compareAndSet},
		{"a failed update changes nothing", conflictChangesNothing},
		{"an update can't change the identity", identity},
		{"exactly one of racing updates wins", racingUpdates},
		{"exactly one of racing creations wins", racingCreates},
		{"no change is lost", noLostChange},
		{"a job is due at its time and not before", dueTime},
		{"a job without a due time is never due", neverDue},
		{"the longest due job comes first", dueOrder},
		{"expired leases are due before other jobs", dueLeases},
		{"due reflects updates", dueFollows},
		{"a waiting job keeps its times", waits},
		{"an organization lists only its own jobs", isolation},
		{"the newest job is listed first", listOrder},
		{"pages contain each job once", paging},
		{"a page has at most its limit", pageSize},
		{"pages contain each job once while jobs are added", pagingWhileAdding},
		{"a list can be restricted to a state", listState},
		{"an invalid cursor is refused", badCursor},
		{"a deleted job is gone", deletedIsGone},
		{"a deletion compares the revision", deletionComparesRevision},
		{"racing deletions leave no job", racingDeletions},
		{"a deletion and an update of one revision can't both win", deletionAgainstUpdate},
		{"a deleted id can be created again", createdAgain},
		{"organizations are returned in order", organizationsInOrder},
		{"nothing is done under an ended context", endedContext},
		{"a working store is ready", ready},
		{"ready changes nothing", readyChangesNothing},
		{unreadable, hidesNoOthers},
		{durability, durable},
	}, nexts()...)
}

// durability is the clause that needs a [Reopener].
const durability = "jobs outlive the store"

// Run runs all clauses as subtests, each on its own store. It skips the clause on
// durability if the store is not a [Reopener], and the one on unreadable records if it is
// not a [Spoiler].
func Run(t *testing.T, open Open) {
	if open == nil {
		t.Fatal("jobstest: Run needs a function that opens a store")
	}
	for _, c := range Clauses() {
		t.Run(c.Name, func(t *testing.T) {
			s := open(t)
			if _, ok := s.(Reopener); c.Name == durability && !ok {
				t.Skipf("SKIPPED: %T is not a jobstest.Reopener, so durability is not tested", s)
			}
			skipUnreadable(t, c, s)
			c.Check(t, s)
		})
	}
}

// start is when the first job is created.
var start = time.Date(2030, 1, 2, 3, 4, 5, 678_901_000, time.UTC)

// newJob returns the nth job of an organization, accepted.
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
