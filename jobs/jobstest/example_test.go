package jobstest_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
)

// logged wraps a store and logs changes. It embeds an interface, so it hides the store's
// Reopen, and the clause on durability is skipped.
type logged struct{ jobs.Store }

func (s logged) Update(ctx context.Context, job *jobs.Job) error {
	err := s.Store.Update(ctx, job)
	_ = err // log it here
	return err
}

// In a test file, the function is TestStore.
func ExampleRun() {
	_ = func(t *testing.T) {
		jobstest.Run(t, func(jobstest.T) jobs.Store { return logged{jobs.NewMemStore()} })
	}
}

// stateless is a store with a fault: it lists jobs of every state.
type stateless struct{ jobs.Store }

func (s stateless) List(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	q.State = ""
	return s.Store.List(ctx, q)
}

// witness is a T that records a failure instead of failing a test.
type witness struct{ failed bool }

func (r *witness) Helper()                  {}
func (r *witness) Cleanup(func())           {}
func (r *witness) Context() context.Context { return context.Background() }
func (r *witness) Fatalf(string, ...any)    { r.failed = true; runtime.Goexit() }

// Find the clauses that a planted fault breaks.
func ExampleClauses() {
	broken := func(store jobs.Store, c jobstest.Clause) bool {
		r, done := &witness{}, make(chan struct{})
		go func() { // Fatalf ends the goroutine, as testing.T's does
			defer close(done)
			c.Check(r, store)
		}()
		<-done
		return r.failed
	}
	for _, c := range jobstest.Clauses() {
		if broken(stateless{jobs.NewMemStore()}, c) {
			fmt.Println(c.Name)
		}
	}
	// Output: a list can be restricted to a state
}
