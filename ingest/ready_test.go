package ingest_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// readyService is a service on a bucket and a store with faults.
func readyService(t *testing.T, bucket *blob.Bucket, plan faulttest.Plan) *ingest.Service {
	t.Helper()
	topic, _, err := queue.NewLocal(nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = topic.Shutdown(context.Background()) })
	s, err := ingest.New(ingest.Backends{
		Store:     must(blobstore.New(faulttest.Bucket(bucket, plan), nil)),
		Publisher: must(queue.NewPublisher(topic, nil)),
		Jobs:      faulttest.Store(jobs.NewMemStore(), plan),
	}, &ingest.Options{NoUploads: true})
	require.NoError(t, err)
	return s
}

// failing is a plan that gives calls of one kind a fault, while it has one.
type failing struct {
	kind  faulttest.Kind
	fault atomic.Int64
	calls atomic.Int64
}

func (f *failing) plan(_ context.Context, c faulttest.Call) faulttest.Fault {
	if c.Kind != f.kind {
		return faulttest.None
	}
	f.calls.Add(1)
	return faulttest.Fault(f.fault.Load())
}

const readyBundle = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`

func acceptReady(ctx context.Context, s *ingest.Service) error {
	_, err := s.Accept(ctx, caller, ingest.AcceptRequest{
		Body: strings.NewReader(readyBundle), ContentType: "application/fhir+json",
	})
	return err
}

func TestReadyNamesTheBackEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for kind, want := range map[faulttest.Kind]error{
			faulttest.StoreReady: ingest.ErrJobsNotReady, faulttest.BucketList: ingest.ErrBucketNotReady,
		} {
			f := &failing{kind: kind}
			s := readyService(t, memblob.OpenBucket(nil), f.plan)
			require.NoError(t, s.Ready(t.Context()))
			for _, fault := range []faulttest.Fault{faulttest.Before, faulttest.Hang} {
				f.fault.Store(int64(fault))
				time.Sleep(20 * time.Second) // earlier results have expired
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				began := time.Now()
				err := s.Ready(ctx)
				cancel()
				require.ErrorIs(t, err, want, "%s %s", kind, fault)
				other := map[error]error{ingest.ErrJobsNotReady: ingest.ErrBucketNotReady, ingest.ErrBucketNotReady: ingest.ErrJobsNotReady}[want]
				require.NotErrorIs(t, err, other)
				require.LessOrEqual(t, time.Since(began), 2*time.Second, "a back end that hangs does not hang the probe")
			}
			// A look that hangs, as on a dead connection, does not hold up the next one for long.
			f.fault.Store(int64(faulttest.None))
			time.Sleep(2 * time.Second)
			require.NoError(t, s.Ready(t.Context()))
		}
	})
}

// Frequent probes share one check a second.
func TestReadyChecksOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{kind: faulttest.StoreReady}
		s := readyService(t, memblob.OpenBucket(nil), f.plan)
		for range 100 {
			require.NoError(t, s.Ready(t.Context()))
		}
		require.EqualValues(t, 1, f.calls.Load())
		f.fault.Store(int64(faulttest.Hang))
		time.Sleep(time.Second)
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			require.ErrorIs(t, s.Ready(ctx), context.DeadlineExceeded)
			cancel()
		}
		require.EqualValues(t, 2, f.calls.Load(), "no second check while one hangs")
		time.Sleep(time.Minute)
	})
}

// An object store that lists but accepts no writes: full, read-only, no permission.
func TestReadyRemembersFailedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failing{kind: faulttest.BucketWrite}
		s := readyService(t, memblob.OpenBucket(nil), f.plan)
		require.NoError(t, acceptReady(t.Context(), s))
		require.NoError(t, s.Ready(t.Context()))

		f.fault.Store(int64(faulttest.Before))
		require.ErrorIs(t, acceptReady(t.Context(), s), ingest.ErrUnavailable)
		time.Sleep(time.Second)
		require.ErrorIs(t, s.Ready(t.Context()), ingest.ErrBucketNotReady)
		require.ErrorIs(t, s.Ready(t.Context()), faulttest.ErrInjected)
		writes := f.calls.Load()
		time.Sleep(30 * time.Second)
		require.NoError(t, s.Ready(t.Context()), "the failed write has expired")
		require.Equal(t, writes, f.calls.Load(), "a probe writes nothing")

		require.ErrorIs(t, acceptReady(t.Context(), s), ingest.ErrUnavailable)
		time.Sleep(time.Second)
		require.ErrorIs(t, s.Ready(t.Context()), ingest.ErrBucketNotReady)
		f.fault.Store(int64(faulttest.None))
		require.NoError(t, acceptReady(t.Context(), s))
		time.Sleep(time.Second)
		require.NoError(t, s.Ready(t.Context()), "a successful write counts at once")
	})
}

// A request that is broken, or given up by its client, does not make the bucket not ready.
func TestReadyIgnoresBrokenRequests(t *testing.T) {
	s := readyService(t, memblob.OpenBucket(nil), nil)
	ctx, cancel := context.WithCancel(t.Context())
	body := io.MultiReader(strings.NewReader(readyBundle[:20]), brokenBody(func([]byte) (int, error) { cancel(); return 0, errors.New("gone") }))
	_, err := s.Accept(ctx, caller, ingest.AcceptRequest{Body: body, ContentType: "application/fhir+json"})
	require.Error(t, err)
	require.NoError(t, s.Ready(t.Context()))
}

func TestReadySeesAFolderThatIsGone(t *testing.T) {
	folder := t.TempDir() + "/bucket"
	bucket, err := dirblob.OpenBucket(folder, &dirblob.Options{CreateDir: true})
	require.NoError(t, err)
	defer bucket.Close()
	s := readyService(t, bucket, nil)
	require.NoError(t, s.Ready(t.Context()))
	it := bucket.List(nil)
	_, err = it.Next(t.Context())
	require.ErrorIs(t, err, io.EOF, "a probe leaves no object")

	require.NoError(t, os.RemoveAll(folder))
	require.ErrorIs(t, readyService(t, bucket, nil).Ready(t.Context()), ingest.ErrBucketNotReady)
}

type brokenBody func([]byte) (int, error)

func (f brokenBody) Read(p []byte) (int, error) { return f(p) }
