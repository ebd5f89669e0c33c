package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// envInt returns a number from the environment, for long forms of tests.
func envInt(t testing.TB, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, name)
	return n
}

// Whatever the broker does to wake-ups, each job is handed over once. Each wake-up is
// delivered ten times, in random order, except for 30% of the deliveries, which are lost:
// all of some jobs' and some of others'.
//
// The long form:
//
//	FHIRDOCK_WAKEUPS=1000000 go test -run TestWakeUpsOfABadBroker -v -timeout 1h ./ingest
func TestWakeUpsOfABadBroker(t *testing.T) {
	n := envInt(t, "FHIRDOCK_WAKEUPS", 3000)
	const copies, drop = 10, 0.3
	broker := newBadBroker(copies, drop, 1)
	topic := broker.topic()
	bucket, store, clock := memblob.OpenBucket(nil), jobs.NewMemStore(), ingesttest.NewClock()
	defer bucket.Close()
	line := []byte(`{"resourceType":"Patient","id":"p"}` + "\n")
	require.NoError(t, bucket.WriteAll(t.Context(), "in/p.ndjson", line, nil))

	// Two workers, each with its own subscription, like two processes.
	numbers := make(map[string]int, n)
	effects := make([]atomic.Int32, n)
	handler := ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		effects[numbers[b.Job.ID]].Add(1)
		return nil
	})
	var rescued atomic.Int64
	opts := &ingest.Options{Now: clock.Now, NoUploads: true, Logger: slog.New(slog.DiscardHandler), Observe: func(e ingest.Event) {
		if e.Kind == ingest.EventRescued {
			rescued.Add(1)
		}
	}}
	var svc *ingest.Service
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 2)
	var workers []*ingest.Worker
	for range cap(ended) {
		var err error
		subscription := broker.subscription()
		defer subscription.Shutdown(context.Background())
		svc, err = ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Subscription: queue.Static(subscription), Jobs: store}, opts)
		require.NoError(t, err)
		w, err := ingest.NewWorker(svc, handler, &ingest.WorkerOptions{Concurrency: 8})
		require.NoError(t, err)
		workers = append(workers, w)
	}

	// A job as Accept records it.
	pub := must(queue.NewPublisher(topic, nil))
	for i := range n {
		job := &jobs.Job{
			ID: jobs.NewID(), OrganizationID: fmt.Sprint("org", i%20), Source: jobs.Webhook, State: jobs.Accepted, MaxAttempts: 5,
			Payload:   jobs.Payload{Key: "in/p.ndjson", Size: int64(len(line)), ContentType: ndjson, Format: "ndjson", Validated: true},
			CreatedAt: clock.Now().Add(time.Duration(i) * time.Microsecond), DueAt: clock.Now().Add(10 * time.Second),
		}
		numbers[job.ID] = i
		require.NoError(t, store.Create(t.Context(), job))
	}
	publish(t, pub, numbers)

	for _, w := range workers {
		go func() { ended <- w.Run(ctx) }()
	}
	sweeper := newSweeper(t, svc, nil)
	<-broker.after(n * copies / 3)
	clock.Advance(25 * time.Second) // less than a lease
	_, err := sweeper.Sweep(t.Context())
	require.NoError(t, err)
	<-broker.after(-1)
	for id := range numbers { // waiting jobs are not due, and are still found
		require.Eventually(t, func() bool {
			job, err := store.Get(t.Context(), id)
			return err == nil && job.State.Finished()
		}, 20*time.Second, time.Millisecond)
	}
	stop()
	for range cap(ended) {
		require.NoError(t, <-ended)
	}
	for id, i := range numbers {
		require.EqualValues(t, 1, effects[i].Load(), "handed over once")
		job, err := store.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, 1, job.Attempt)
	}
	require.Zero(t, rescued.Load(), "no worker was taken for dead")
	require.InDelta(t, drop, float64(broker.lost)/float64(broker.sent), 0.05)
	t.Logf("%d jobs, %d wake-ups of which %d (%.1f%%) were lost: one effect each",
		n, broker.sent, broker.lost, 100*float64(broker.lost)/float64(broker.sent))
}

// publish sends a wake-up for each job, many concurrently.
func publish(t *testing.T, pub *queue.Publisher, ids map[string]int) {
	t.Helper()
	const senders = 200
	todo, failed := make(chan string), make(chan error, senders)
	for range senders {
		go func() {
			var err error
			for id := range todo {
				if e := pub.Publish(context.Background(), queue.Message{JobID: id}); e != nil {
					err = e
				}
			}
			failed <- err
		}()
	}
	for id := range ids {
		todo <- id
	}
	close(todo)
	for range senders {
		require.NoError(t, <-failed)
	}
}
