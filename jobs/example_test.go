package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// A worker that lost its lease can't change the job.
func Example() {
	ctx, now := context.Background(), time.Now()
	store := jobs.NewMemStore()
	job := &jobs.Job{
		ID: jobs.NewID(), OrganizationID: "demo", Source: jobs.Webhook, State: jobs.Accepted,
		MaxAttempts: 3, DueAt: now, CreatedAt: now, UpdatedAt: now,
	}
	if err := store.Create(ctx, job); err != nil {
		panic(err)
	}
	take := func(now time.Time, owner string) (claim *jobs.Claim) {
		_, err := jobs.Change(ctx, store, job.ID, func(j *jobs.Job) (err error) {
			claim, err = j.Take(now, owner, time.Minute)
			return err
		})
		if err != nil {
			panic(err)
		}
		return claim
	}
	stalled := take(now, "worker-1")
	quick := take(now.Add(2*time.Minute), "worker-2") // the lease is over

	for _, claim := range []*jobs.Claim{stalled, quick} {
		_, err := jobs.Change(ctx, store, job.ID, func(j *jobs.Job) error { return j.Complete(time.Now(), *claim) })
		fmt.Println(claim.Owner, errors.Is(err, jobs.ErrLeaseLost))
	}
	// Output:
	// worker-1 true
	// worker-2 false
}
