package ingest_test

import (
	"context"
	"fmt"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// outage returns a pipeline after an outage of its target: three jobs of two organizations
// failed.
func outage(ctx context.Context) *ingest.Service {
	store, now := jobs.NewMemStore(), time.Now()
	for _, organization := range []string{"clinic", "clinic", "lab"} {
		err := store.Create(ctx, &jobs.Job{ID: jobs.NewID(), OrganizationID: organization, State: jobs.Failed, MaxAttempts: 10,
			CreatedAt: now, StartedAt: now, FinishedAt: now, Failure: &jobs.Failure{Code: "attempts-exhausted", At: now}})
		if err != nil {
			panic(err)
		}
	}
	topic, _ := local(nil)
	return must(ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{NoUploads: true}))
}

// After an outage the operator redrives all jobs that failed during it, of every
// organization, with a dry run first.
func ExampleOperator_Redrive() {
	ctx := context.Background()
	ops := outage(ctx).Operator()
	for _, dryRun := range []bool{true, false} {
		req, sum := ingest.OperatorRequest{Code: "attempts-exhausted", After: time.Now().Add(-time.Hour), DryRun: dryRun}, 0
		for {
			done, err := ops.Redrive(ctx, req)
			sum += done.Jobs
			if err != nil {
				fmt.Println(err) // continue later, from done.Next
				return
			}
			if req.Cursor = done.Next; req.Cursor == "" {
				break
			}
		}
		fmt.Println("dry run:", dryRun, "jobs:", sum)
	}
	// Output:
	// dry run: true jobs: 3
	// dry run: false jobs: 3
}

func ExampleOperator_Stats() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	stats := must(outage(ctx).Operator().Stats(ctx, nil))
	fmt.Println("failed:", stats.Jobs[jobs.Failed], "waiting:", stats.Jobs[jobs.Accepted], "overdue:", stats.Overdue)
	// Output:
	// failed: 3 waiting: 0 overdue: 0
}
