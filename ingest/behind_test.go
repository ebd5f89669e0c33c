package ingest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// A worker is behind while more jobs wait than it has places for, for longer than a second.
func TestBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, subscription := local(nil)
		svc, err := ingest.New(ingest.Backends{
			Store:        must(blobstore.New(memblob.OpenBucket(nil), nil)),
			Publisher:    must(queue.NewPublisher(topic, nil)),
			Subscription: queue.Static(subscription),
			Jobs:         jobs.NewMemStore(),
		}, &ingest.Options{NoUploads: true})
		require.NoError(t, err)
		worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error {
			time.Sleep(time.Second)
			return nil
		}), &ingest.WorkerOptions{Concurrency: 2})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- worker.Run(ctx) }()
		time.Sleep(10 * time.Second)
		require.False(t, worker.Behind(), "no job waits")

		for range 20 {
			_, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
			require.NoError(t, err)
		}
		require.False(t, worker.Behind(), "not for a second yet")
		time.Sleep(5*time.Second + time.Millisecond)
		require.True(t, worker.Behind())
		time.Sleep(20 * time.Second)
		require.False(t, worker.Behind(), "no jobs are left")

		stop()
		require.NoError(t, <-ended)
		require.NoError(t, topic.Shutdown(context.Background()))
		require.NoError(t, subscription.Shutdown(context.Background()))
	})
}
