package ingest_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// node is a process with a worker and a sweeper, with default options except for batches,
// in synthetic time.
type node struct {
	svc  *ingest.Service
	stop func() // stops it gracefully
}

// startNode starts a process. With a gate that closes, it is dead.
func startNode(t *testing.T, b *blob.Bucket, store jobs.Store, h ingest.Handler, observe func(ingest.Event)) *node {
	t.Helper()
	topic, subscription := local(nil)
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(b, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Subscription: queue.Static(subscription), Jobs: store},
		&ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler), Observe: observe})
	require.NoError(t, err)
	worker, err := ingest.NewWorker(svc, h, &ingest.WorkerOptions{BatchResources: 1})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- worker.Run(ctx) }()
	sweeper := newSweeper(t, svc, nil)
	go func() { ended <- sweeper.Run(ctx) }()
	return &node{svc: svc, stop: sync.OnceFunc(func() {
		cancel()
		for _, err := range []error{<-ended, <-ended, topic.Shutdown(context.Background()), subscription.Shutdown(context.Background())} {
			if err != nil {
				t.Error(err)
			}
		}
	})}
}

func accept(t *testing.T, svc *ingest.Service) string {
	t.Helper()
	receipt, err := svc.Accept(context.Background(), caller, ingest.AcceptRequest{Body: strings.NewReader(string(bundle("collection", 3)))})
	require.NoError(t, err)
	return receipt.Job.ID
}

// While a worker works, its lease is extended, however long a batch takes; it is not taken
// for dead, and the claim is counted before the work begins.
func TestTheLeaseLastsAsLongAsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lawStore{Store: jobs.NewMemStore()}
		bucket := memblob.OpenBucket(nil)
		defer bucket.Close()
		var calls int
		var rescued []string
		handler := ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			calls++
			for range 60 { // ten minutes
				job, err := store.Get(context.Background(), b.Job.ID)
				if err != nil || job.State != jobs.Processing || job.Attempt != 1 || time.Until(job.DueAt) < 15*time.Second {
					t.Errorf("the claim was not counted before the work began, or half of the lease had passed: %+v, %v", job, err)
					return errors.New("ended")
				}
				time.Sleep(10 * time.Second)
			}
			return nil
		})
		n := startNode(t, bucket, store, handler, func(e ingest.Event) {
			if e.Kind == ingest.EventRescued {
				rescued = append(rescued, e.JobID)
			}
		})
		defer n.stop()
		id := accept(t, n.svc)
		time.Sleep(31 * time.Minute)
		n.stop()
		job, err := store.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, 1, job.Attempt)
		require.Equal(t, 3, calls)
		require.Empty(t, rescued)
		require.Empty(t, store.found())
	})
}

// A job whose worker's process dies is taken over within two sweeps of the end of its
// lease: at most 40 seconds after the last sign of life. The other process continues from
// the checkpoint.
func TestAJobIsRescuedWithinTwoSweeps(t *testing.T) {
	const sweep, lease = 3 * time.Second, 30 * time.Second // the defaults
	for at := time.Millisecond; at < 2*sweep; at += 700 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			store := &lawStore{Store: jobs.NewMemStore()}
			bucket := memblob.OpenBucket(nil)
			defer bucket.Close()
			var starts []int64
			var taken time.Time
			g := newGate(1 << 30)
			handled := 0
			dies := startNode(t, bucket, g.store(store), ingest.HandlerFunc(func(context.Context, *ingest.Batch) error {
				if handled++; handled == 2 {
					time.Sleep(7 * time.Second) // it works, and checks its lease
					g.mu.Lock()
					g.at = g.calls + 1 // the process goes silent
					g.mu.Unlock()
				}
				return nil
			}), nil)
			open := sync.OnceFunc(func() { close(g.open) })
			defer dies.stop()
			defer open()
			id := accept(t, dies.svc)
			time.Sleep(at) // the job is claimed
			other := startNode(t, bucket, store, ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
				if len(starts) == 0 {
					taken = time.Now()
				}
				starts = append(starts, b.Start)
				return nil
			}), nil)
			defer other.stop()
			<-g.stopped
			died := time.Now()
			was, err := store.Get(t.Context(), id)
			require.NoError(t, err)
			require.EqualValues(t, 1, was.Progress.Done)
			time.Sleep(lease + 2*sweep + time.Second)
			job, err := store.Get(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, jobs.Completed, job.State, "died %s after a sweep", at)
			require.Equal(t, 2, job.Attempt)
			require.EqualValues(t, 3, job.Progress.Done)
			require.Equal(t, was.Progress.Offset, starts[0], "it continues from the checkpoint")
			require.Less(t, taken.Sub(was.DueAt), 2*sweep, "after the end of the lease")
			require.Less(t, taken.Sub(died), lease+2*sweep, "after the last sign of life")

			open() // the process resumes, long after
			dies.stop()
			other.stop()
			after, err := store.Get(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, job, after)
			require.Empty(t, store.found())
		})
	}
}
