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
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// A Listener may start before its queue exists. It reports and observes that.
func TestListenerStartsBeforeItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, sub := local(nil) // the consumer shuts the subscription down
		var mu sync.Mutex
		var codes []string
		svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &ingest.Options{
			NoUploads: true, Logger: slog.New(slog.DiscardHandler), Observe: func(e ingest.Event) {
				mu.Lock()
				defer mu.Unlock()
				require.Equal(t, ingest.EventSubscription, e.Kind)
				codes = append(codes, e.Code)
			},
		})
		require.NoError(t, err)
		away := errors.New("no such queue")
		up := time.Now().Add(time.Minute)
		notified, err := ingest.NewListener(svc, queue.Reopen(func(context.Context) (*pubsub.Subscription, error) {
			if time.Now().Before(up) {
				return nil, away
			}
			return sub, nil
		}), nil)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- notified.Run(ctx) }()
		time.Sleep(30 * time.Second)
		require.ErrorIs(t, notified.Err(), away)
		time.Sleep(time.Minute)
		require.NoError(t, notified.Err())
		mu.Lock()
		require.Equal(t, []string{"lost", "open"}, codes)
		mu.Unlock()
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, topic.Shutdown(t.Context()))
	})
}

// A worker continues without its queue, and reports that.
func TestWorkerWithoutItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, sub := local(nil) // the consumer shuts the subscription down
		away := errors.New("no such queue")
		up := time.Now().Add(time.Minute)
		svc, err := ingest.New(ingest.Backends{
			Store:     must(blobstore.New(memblob.OpenBucket(nil), nil)),
			Publisher: must(queue.NewPublisher(topic, nil)),
			Jobs:      jobs.NewMemStore(),
			Subscription: queue.Reopen(func(context.Context) (*pubsub.Subscription, error) {
				if time.Now().Before(up) {
					return nil, away
				}
				return sub, nil
			}),
		}, &ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil)
		require.NoError(t, err)
		require.Error(t, worker.Err(), "it is not running yet")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- worker.Run(ctx) }()
		time.Sleep(20 * time.Second)
		require.ErrorIs(t, worker.Err(), away)
		receipt, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		job, err := svc.Job(t.Context(), caller, receipt.Job.ID)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, job.State)
		require.ErrorIs(t, worker.Err(), away)
		time.Sleep(time.Minute)
		require.NoError(t, worker.Err())
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, topic.Shutdown(t.Context()))
	})
}
