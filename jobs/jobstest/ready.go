package jobstest

import (
	"reflect"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

func ready(t T, s jobs.Store) {
	if err := s.Ready(t.Context()); err != nil {
		t.Fatalf("an empty store is not ready: %v", err)
	}
	create(t, s, newJob("a", 1))
	if err := s.Ready(t.Context()); err != nil {
		t.Fatalf("a working store is not ready: %v", err)
	}
}

func readyChangesNothing(t T, s jobs.Store) {
	create(t, s, newJob("a", 1))
	job := create(t, s, newJob("a", 2))
	job.State = jobs.Processing
	update(t, s, job)
	before := everything(t, s)
	for range 3 {
		if err := s.Ready(t.Context()); err != nil {
			t.Fatalf("a working store is not ready: %v", err)
		}
	}
	if after := everything(t, s); !reflect.DeepEqual(before, after) {
		t.Fatalf("the jobs changed:\n%+v\n%+v", before, after)
	}
}

// everything returns all jobs of organization a, and all jobs that will ever be due.
func everything(t T, s jobs.Store) (all [2][]*jobs.Job) {
	t.Helper()
	page, err := s.List(t.Context(), jobs.Query{OrganizationID: "a"})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	due, err := s.Due(t.Context(), start.Add(1000*time.Hour), 100)
	if err != nil {
		t.Fatalf("due: %v", err)
	}
	return [2][]*jobs.Job{page.Jobs, due}
}
