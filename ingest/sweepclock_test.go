package ingest_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
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

// Leases recorded before the clock was set back by an hour run out on time, whether that
// was before the sweeper started or while it ran.
func TestLeasesWhenTheClockIsSetBack(t *testing.T) {
	for _, running := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var back atomic.Int64
			now := func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
			store, bucket := jobs.NewMemStore(), memblob.OpenBucket(nil)
			defer bucket.Close()
			topic, _ := local(nil)
			defer topic.Shutdown(context.Background())
			var log bytes.Buffer
			svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store},
				&ingest.Options{NoUploads: true, Now: now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			sweeper := newSweeper(t, svc, nil)
			sweep := func() {
				_, err := sweeper.Sweep(t.Context())
				require.NoError(t, err)
			}
			if running {
				sweep()
			}
			claims := map[string]*jobs.Claim{}
			for range 2 {
				id := accept(t, svc)
				_, err := jobs.Change(t.Context(), store, id, func(j *jobs.Job) (err error) {
					claims[id], err = j.Take(now(), "worker", 30*time.Second)
					return err
				})
				require.NoError(t, err)
			}
			var dead, alive string
			for id := range claims {
				dead, alive = alive, id
			}
			back.Store(int64(time.Hour))
			for range 4 { // 36 seconds
				sweep()
				time.Sleep(9 * time.Second)
				_, err := jobs.Change(t.Context(), store, alive, func(j *jobs.Job) error {
					return j.Extend(now().Add(time.Hour), *claims[alive], 30*time.Second) // its process has the earlier clock
				})
				require.NoError(t, err)
				job, err := store.Get(t.Context(), dead)
				require.NoError(t, err)
				require.Equal(t, jobs.Processing, job.State)
			}
			sweep()
			job, err := store.Get(t.Context(), dead)
			require.NoError(t, err)
			require.Equal(t, jobs.Accepted, job.State)
			require.True(t, job.Ready(now()))
			job, err = store.Get(t.Context(), alive)
			require.NoError(t, err)
			require.Equal(t, jobs.Processing, job.State)
			require.Equal(t, 1, strings.Count(log.String(), "recorded in the future"), log.String())
		})
	}
}

// Jobs that wait for a time recorded before the clock was set back by an hour wait for
// their original duration, not for the hour, whether that was before the sweeper started
// or while it ran.
func TestWaitsWhenTheClockIsSetBack(t *testing.T) {
	for _, running := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var back atomic.Int64
			now := func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
			store, bucket := jobs.NewMemStore(), memblob.OpenBucket(nil)
			defer bucket.Close()
			topic, subscription := local(nil)
			defer func() { _, _ = topic.Shutdown(context.Background()), subscription.Shutdown(context.Background()) }()
			var log bytes.Buffer
			svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Subscription: queue.Static(subscription), Jobs: store},
				&ingest.Options{NoUploads: true, Now: now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			run := func() (stop func()) {
				worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil)
				require.NoError(t, err)
				sweeper := newSweeper(t, svc, nil)
				ctx, cancel := context.WithCancel(context.Background())
				var wg sync.WaitGroup
				wg.Go(func() { _ = worker.Run(ctx) })
				wg.Go(func() { _ = sweeper.Run(ctx) })
				return func() { cancel(); wg.Wait() }
			}
			// taken is a job that another process's worker holds and changes.
			taken := func(change func(j *jobs.Job, c jobs.Claim) error) string {
				id := accept(t, svc)
				_, err := jobs.Change(t.Context(), store, id, func(j *jobs.Job) error {
					c, err := j.Take(now(), "worker", 30*time.Second)
					if err != nil {
						return err
					}
					return change(j, *c)
				})
				require.NoError(t, err)
				return id
			}
			wait := func(d time.Duration) string {
				return taken(func(j *jobs.Job, c jobs.Claim) error {
					return j.Wait(now(), c, jobs.Failure{}, now().Add(d), 24*time.Hour)
				})
			}
			retried := taken(func(j *jobs.Job, c jobs.Claim) error {
				return j.Retry(now(), c, jobs.Failure{}, now().Add(10*time.Second))
			})
			waits, long := wait(40*time.Second), wait(3*time.Hour)
			cancelled := taken(func(j *jobs.Job, _ jobs.Claim) error { return j.Cancel(now()) })
			upload := awaited(t, store, bucket, now())

			stop := func() {}
			defer func() { stop() }()
			if running {
				stop = run()
				time.Sleep(time.Second)
			}
			back.Store(int64(time.Hour))
			if !running {
				stop = run()
			}
			job := func(id string) *jobs.Job {
				job, err := store.Get(t.Context(), id)
				require.NoError(t, err)
				return job
			}
			time.Sleep(5 * time.Second)
			fresh := accept(t, svc)
			time.Sleep(15 * time.Second)
			require.Equal(t, jobs.Completed, job(retried).State)
			require.Equal(t, jobs.Completed, job(fresh).State)
			time.Sleep(15 * time.Second) // 36 seconds since it began to wait
			require.Equal(t, jobs.Accepted, job(waits).State)
			require.Equal(t, jobs.Completed, job(upload).State)
			time.Sleep(20 * time.Second)
			require.Equal(t, jobs.Completed, job(waits).State)
			require.True(t, job(cancelled).DueAt.IsZero(), "it was cleared away")
			require.WithinDuration(t, now().Add(3*time.Hour-time.Minute), job(long).NotBefore, 10*time.Second)
			require.Equal(t, 1, strings.Count(log.String(), "recorded in the future"), log.String())
		})
	}
}

// awaited is a job whose upload has arrived, and whose notification was lost.
func awaited(t *testing.T, store jobs.Store, bucket *blob.Bucket, now time.Time) string {
	t.Helper()
	id := jobs.NewID()
	key := "incoming/fhir/a/2030/01/01/" + id + ".ndjson"
	require.NoError(t, bucket.WriteAll(t.Context(), key, []byte(`{"resourceType":"Patient"}`), &blob.WriterOptions{ContentType: "application/fhir+ndjson"}))
	require.NoError(t, store.Create(t.Context(), &jobs.Job{
		ID: id, OrganizationID: "a", Source: jobs.PresignedUpload, State: jobs.AwaitingUpload, MaxAttempts: 3,
		Payload: jobs.Payload{Key: key, ContentType: "application/fhir+ndjson", Format: "ndjson"},
		Upload:  &jobs.Upload{ExpiresAt: now.Add(time.Hour)}, DueAt: now.Add(30 * time.Second), CreatedAt: now, UpdatedAt: now,
	}))
	return id
}
