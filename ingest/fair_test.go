package ingest_test

import (
	"context"
	"flag"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

var flood = flag.Int("flood", 5000, "how many jobs of one organization wait before another organization's single job")

// One organization has so many jobs waiting that their wake-ups fill the queue, and the
// wake-up of another's single job is lost. That job still begins within the time of a few
// jobs.
//
//	go test -run Flood -v ./ingest -flood 100000
func TestASingleJobAmongAFlood(t *testing.T) {
	store := jobs.NewMemStore()
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	line := []byte(`{"resourceType":"Patient"}` + "\n")
	require.NoError(t, bucket.WriteAll(t.Context(), "payload", line, nil))
	topic, subscription := local(nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	create := func(org string) string {
		now := time.Now()
		job := &jobs.Job{
			ID: jobs.NewID(), OrganizationID: org, State: jobs.Accepted, MaxAttempts: 3, CreatedAt: now, DueAt: now.Add(time.Hour),
			Payload: jobs.Payload{Key: "payload", Size: int64(len(line)), Format: "ndjson", Validated: true},
		}
		require.NoError(t, store.Create(context.Background(), job))
		return job.ID
	}
	var claims, began, waited atomic.Int64 // of the flood; when the single job was accepted; after it
	waited.Store(-1)
	var single, second string
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(bucket, nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         store,
	}, &ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler), Observe: func(e ingest.Event) {
		if e.Kind != ingest.EventClaimed {
			return
		}
		job, err := store.Get(context.Background(), e.JobID)
		if err != nil {
			t.Error(err)
			return
		}
		if job.OrganizationID == "small" {
			if e.JobID == single {
				waited.Store(claims.Load())
			} else {
				stop()
			}
			return
		}
		switch n := claims.Add(1); {
		case n == 1000: // the flood goes on
			began.Store(n)
			second = create("small")
		case n == 4000 && waited.Load() < 0:
			stop()
		}
	}})
	require.NoError(t, err)
	pub := must(queue.NewPublisher(topic, nil))
	for range *flood {
		_ = pub.Publish(t.Context(), queue.Message{JobID: create("big")}) // until the queue is full
	}
	single = create("small")
	worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil)
	require.NoError(t, err)
	require.NoError(t, worker.Run(ctx))
	later := claims.Load() - began.Load()
	t.Logf("of %d jobs, %d were processed before the single one, and %d before one that came later", *flood, waited.Load(), later)
	require.LessOrEqual(t, waited.Load(), int64(100)) // it is claimed at once, but has to wait for a processor
	require.NotEmpty(t, second)
	require.LessOrEqual(t, later, int64(100))
}
