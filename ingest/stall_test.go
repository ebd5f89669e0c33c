package ingest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A handler that hangs does not keep its job for ever: one that honors its context is
// cancelled and the job retried; from one that does not, the sweeper takes the job.
func TestAStalledAttemptIsEnded(t *testing.T) {
	for name, minds := range map[string]bool{"honors its context": true, "does not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := jobs.NewMemStore()
				bucket := memblob.OpenBucket(nil)
				defer bucket.Close()
				free := make(chan struct{})
				var hung, done int
				var codes []string
				n := startNode(t, bucket, store, ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
					if hung++; hung > 1 {
						done++
						return nil
					}
					if minds {
						<-ctx.Done()
						return ctx.Err()
					}
					<-free
					return errors.New("too late")
				}), func(e ingest.Event) {
					if e.Kind == ingest.EventRetry {
						codes = append(codes, e.Code)
					}
				})
				id := accept(t, n.svc)
				time.Sleep(59 * time.Minute)
				synctest.Wait()
				job, err := store.Get(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, jobs.Processing, job.State)
				require.Equal(t, 1, job.Attempt)
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				job, err = store.Get(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, jobs.Completed, job.State)
				require.Equal(t, 2, job.Attempt)
				require.Equal(t, 3, done, "batches of one resource")
				if minds {
					require.Equal(t, []string{"stalled"}, codes)
				}
				close(free)
				n.stop()
				job, err = store.Get(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, jobs.Completed, job.State, "the stalled attempt changed nothing")
			})
		})
	}
}

// A slow attempt that makes progress is not ended.
func TestASlowAttemptIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := jobs.NewMemStore()
		bucket := memblob.OpenBucket(nil)
		defer bucket.Close()
		n := startNode(t, bucket, store, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error {
			time.Sleep(50 * time.Minute)
			return nil
		}), func(ingest.Event) {})
		id := accept(t, n.svc)
		time.Sleep(151 * time.Minute)
		synctest.Wait()
		job, err := store.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, 1, job.Attempt)
		n.stop()
	})
}
