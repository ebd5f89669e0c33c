package jobstest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

func nextOrdered(t T, s jobs.Store) {
	q := jobs.NextQuery{Limit: 9, PerOrganization: 9, Order: jobs.Ordered}
	first := create(t, s, newJob("a", 1))
	create(t, s, newJob("a", 2))
	held := createDelayed(t, s, "b", 1, nextNow.Add(time.Second))
	create(t, s, newJob("b", 2))
	createIn(t, s, "c", 2, jobs.Processing, true)
	create(t, s, newJob("c", 1))
	create(t, s, newJob("c", 3))
	createIn(t, s, "d", 1, jobs.Failed, true)
	create(t, s, newJob("d", 2))
	wantNext(t, s, q, "a1 d2") // b's oldest job waits, one of c is being processed
	q.Now = nextNow.Add(time.Second)
	wantNext(t, s, q, "a1 b1 d2")
	q.Now = time.Time{}

	clear := newJob("c", 4)
	clear.State, clear.NotBefore, clear.StartedAt = jobs.Cancelled, start, start
	create(t, s, clear)
	wantNext(t, s, q, "a1 c4 d2") // clean-up is not ordered

	if got := names(next(t, s, jobs.NextQuery{OrganizationID: "a", Limit: 9, Order: jobs.Ordered, Claim: claimBy("w")})); got != "a1" {
		t.Fatalf("claimed %q, not a1", got)
	}
	wantNext(t, s, q, "c4 d2")
	held.State = jobs.Cancelled
	held.DueAt, held.NotBefore = time.Time{}, time.Time{}
	update(t, s, held)
	first = get(t, s, first.ID)
	first.State = jobs.Completed
	update(t, s, first)
	wantNext(t, s, q, "a2 b2 c4 d2")
}

func nextBlocking(t T, s jobs.Store) {
	q := jobs.NextQuery{Limit: 9, Order: jobs.Blocking}
	failed := createIn(t, s, "a", 1, jobs.Failed, true)
	create(t, s, newJob("a", 2))
	createIn(t, s, "b", 1, jobs.Failed, false) // rejected before it was begun
	create(t, s, newJob("b", 2))
	create(t, s, newJob("c", 1))
	createIn(t, s, "c", 2, jobs.Failed, true)
	wantNext(t, s, q, "b2 c1")
	failed.State = jobs.Cancelled
	update(t, s, failed)
	wantNext(t, s, q, "a2 b2 c1")
}

// Older jobs appear while later ones are being claimed, as with uploads and redrives.
func nextOrderedRacing(t T, s jobs.Store) {
	const organizations, each = 2, 20
	var working [organizations]atomic.Int32
	var done atomic.Int32
	var once sync.Once
	var broken error
	for org := range organizations {
		create(t, s, newJob(fmt.Sprintf("o%d", org), each))
	}
	all(t, 5, func(ctx context.Context, worker int) error {
		if worker == 4 {
			for n := each - 1; n > 0; n-- {
				time.Sleep(2 * time.Millisecond)
				for org := range organizations {
					if err := s.Create(ctx, newJob(fmt.Sprintf("o%d", org), n)); err != nil {
						return err
					}
				}
			}
			return nil
		}
		claim := claimBy(fmt.Sprint("w", worker))
		for done.Load() < organizations*each && ctx.Err() == nil {
			found, err := s.Next(ctx, jobs.NextQuery{Now: nextNow, Limit: 2, Order: jobs.Ordered, Claim: claim})
			if err != nil {
				return err
			}
			for _, job := range found {
				at := &working[job.OrganizationID[1]-'0']
				if at.Add(1) > 1 {
					once.Do(func() { broken = fmt.Errorf("two jobs of %s were claimed at the same time", job.OrganizationID) })
				}
				time.Sleep(time.Millisecond)
				at.Add(-1)
				job.State, job.LeaseOwner = jobs.Completed, ""
				if err := s.Update(ctx, job); err != nil {
					return err
				}
				done.Add(1)
			}
		}
		return nil
	})
	if broken != nil {
		t.Fatalf("%v", broken)
	}
	if n := done.Load(); n != organizations*each {
		t.Fatalf("%d of %d jobs were claimed", n, organizations*each)
	}
}

// all calls do concurrently for workers 0 to n-1, and waits for them.
func all(t T, n int, do func(ctx context.Context, worker int) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for worker := range n {
		wg.Go(func() {
			if errs[worker] = do(ctx, worker); errs[worker] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("a worker failed: %v", err)
		}
	}
}
