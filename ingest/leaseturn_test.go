package ingest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// A caller that waits to change a record while another change hangs gives up when its
// context ends, not only when the hanging one does.
func TestWaitingToChangeARecordGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.StoreUpdate {
				return faulttest.Hang
			}
			return faulttest.None
		}
		topic, sub, err := queue.NewLocal(nil)
		require.NoError(t, err)
		defer topic.Shutdown(t.Context())
		defer sub.Shutdown(t.Context())
		svc, err := New(Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: faulttest.Store(jobs.NewMemStore(), hang)}, &Options{NoUploads: true})
		require.NoError(t, err)
		job := &jobs.Job{ID: jobs.NewID(), State: jobs.Processing, Attempt: 1, LeaseOwner: "me"}
		l := newLease(t.Context(), svc, job, jobs.Claim{JobID: job.ID, Owner: "me", Attempt: 1}, time.Minute, time.Hour, time.Now())
		defer l.end()
		nothing := func(*jobs.Job) error { return nil }
		first := make(chan error, 1)
		go func() { first <- l.change(t.Context(), nothing) }()
		synctest.Wait()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, l.change(ctx, nothing), context.DeadlineExceeded)
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		require.Equal(t, job, l.current(), "reading does not wait")
		l.cancel(nil) // before watch finds out that there is no such job
		require.ErrorIs(t, <-first, context.DeadlineExceeded)
	})
}
