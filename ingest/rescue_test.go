package ingest_test

import (
	"context"
	"flag"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

var rescueFlood = flag.Int("rescue-flood", 500, "how many jobs of another organization wait in TestRescueBesideAFlood; from 10000 on its times are checked")

// A job is taken from a dead worker within two sweeps of its lease's end, however many jobs
// of another organization wait for a worker, have waited for a day, or await uploads that
// are looked for. The long form:
//
//	go test ./ingest -run RescueBesideAFlood -v -rescue-flood 60000 -timeout 20m
func TestRescueBesideAFlood(t *testing.T) {
	floods := map[string]func(*jobs.Job){
		"waiting": func(j *jobs.Job) { j.DueAt = j.DueAt.Add(jobs.Overdue) },
		"overdue": func(*jobs.Job) {},
		"uploads": func(j *jobs.Job) {
			j.Source, j.State, j.Upload = jobs.PresignedUpload, jobs.AwaitingUpload, &jobs.Upload{ExpiresAt: j.CreatedAt.Add(time.Hour)}
		},
	}
	for name, flood := range floods {
		eachStore(t, func(t *testing.T, store jobs.Store) {
			const every = 3 * time.Second
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			svc, rescued := seesRescues(t, memblob.OpenBucket(nil), store, nil)
			createMany(t, store, *rescueFlood, flood)
			end := time.Now().Add(time.Second)
			heldByTheDead(t, store, end)

			sweeper := newSweeper(t, svc, &ingest.SweeperOptions{Every: every})
			swept := make(chan error, 1)
			go func() { swept <- sweeper.Run(ctx) }()
			select {
			case at := <-rescued:
				took := at.Sub(end)
				t.Logf("%d beside it: rescued %s after the lease's end", *rescueFlood, took.Round(10*time.Millisecond))
				if *rescueFlood >= 10_000 {
					require.Less(t, took, 2*every)
				}
			case <-time.After(2 * time.Minute):
				t.Error("not rescued within two minutes")
			}
			stop()
			require.NoError(t, <-swept)
		}, name)
	}
}

// While looking for slow uploads, a sweeper finds a lease that ends meanwhile within two
// sweeps, and begins the next sweep with it.
func TestRescueBesideUploadsThatTakeTime(t *testing.T) {
	for _, before := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			const every = 3 * time.Second
			store := jobs.NewMemStore()
			var looks atomic.Int32
			bucket := faulttest.Bucket(memblob.OpenBucket(nil), func(_ context.Context, c faulttest.Call) faulttest.Fault {
				if c.Kind == faulttest.BucketAttributes {
					looks.Add(1)
					time.Sleep(100 * time.Millisecond)
				}
				return faulttest.None
			})
			ctx, stop := context.WithCancel(t.Context())
			svc, rescued := seesRescues(t, bucket, store, nil)
			createMany(t, store, 5000, func(j *jobs.Job) { // 31 seconds, 16 at once
				j.Source, j.State, j.Upload = jobs.PresignedUpload, jobs.AwaitingUpload, &jobs.Upload{ExpiresAt: j.CreatedAt.Add(time.Hour)}
				j.DueAt = j.DueAt.Add(-time.Hour)
			})
			end := time.Now().Add(time.Second)
			if before {
				end = time.Now().Add(-time.Minute)
			}
			heldByTheDead(t, store, end)
			sweeper := newSweeper(t, svc, &ingest.SweeperOptions{Every: every})
			swept := make(chan error, 1)
			go func() { swept <- sweeper.Run(ctx) }()
			at := <-rescued
			if before {
				require.LessOrEqual(t, int(looks.Load()), 16)
			} else {
				require.Less(t, at.Sub(end), 2*every)
			}
			stop()
			require.NoError(t, <-swept)
		})
	}
}

// A bucket that hangs does not keep a job from being taken from a dead worker, even if its
// lease ends while uploads are being looked for.
func TestRescueBesideAHangingBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := jobs.NewMemStore()
		bucket := faulttest.Bucket(memblob.OpenBucket(nil), func(_ context.Context, c faulttest.Call) faulttest.Fault {
			if c.Kind == faulttest.BucketAttributes {
				return faulttest.Hang
			}
			return faulttest.None
		})
		ctx, stop := context.WithCancel(t.Context())
		svc, rescued := seesRescues(t, bucket, store, nil)
		now := time.Now().UTC()
		for i := range 30 {
			require.NoError(t, store.Create(ctx, &jobs.Job{
				ID: jobs.NewID(), OrganizationID: "o", Source: jobs.PresignedUpload, State: jobs.AwaitingUpload, MaxAttempts: 10,
				Payload: jobs.Payload{Bucket: "fhirdock", Key: fmt.Sprintf("incoming/fhir/o/%d", i), Format: "ndjson"},
				Upload:  &jobs.Upload{ExpiresAt: now.Add(time.Hour)}, DueAt: now.Add(-2 * time.Second), CreatedAt: now, UpdatedAt: now,
			}))
		}
		end := now.Add(time.Second) // of the lease, while all looks hang
		heldByTheDead(t, store, end)
		sweeper := newSweeper(t, svc, nil)
		swept := make(chan error, 1)
		go func() { swept <- sweeper.Run(ctx) }()
		took := (<-rescued).Sub(end)
		stop()
		require.NoError(t, <-swept)
		require.Less(t, took, 2*3*time.Second)
	})
}

// seesRescues returns a Service that reports when a job is taken from a worker.
func seesRescues(t *testing.T, bucket *blob.Bucket, store jobs.Store, processes ingest.Processes) (*ingest.Service, <-chan time.Time) {
	t.Helper()
	topic, subscription := local(nil)
	t.Cleanup(func() {
		_ = topic.Shutdown(context.Background())
		_ = subscription.Shutdown(context.Background())
	})
	rescued := make(chan time.Time, 1)
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store, Processes: processes}, &ingest.Options{NoUploads: true, Observe: func(e ingest.Event) {
		if e.Kind == ingest.EventRescued {
			rescued <- time.Now()
		}
	}})
	require.NoError(t, err)
	return svc, rescued
}

// The log says what becomes of a job that is taken from its worker, and whose it is.
func TestRescueIsLogged(t *testing.T) {
	for attempts, want := range map[int]string{
		1: `"msg":"job taken from its worker; it fails, because this was its last attempt","why":"its worker went silent"`,
		2: `"msg":"job taken from its worker; the next free worker continues it","why":"its worker went silent"`,
	} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxAttempts: attempts}})
		id := p.Client.PostBundle(t, []byte(small)).JobID
		_, err := jobs.Change(t.Context(), p.Jobs, id, func(j *jobs.Job) error {
			_, err := j.Take(p.Clock.Now(), "dead/1", time.Second)
			return err
		})
		require.NoError(t, err)
		p.Advance(t, 2*time.Second)
		require.Contains(t, p.Logs(), want+`,"job":"`+id+`","organization":"test-org","attempt":1`)
		if attempts == 1 {
			require.Contains(t, p.Logs(), `"msg":"job finished","job":"`+id+`","organization":"test-org","state":"failed"`)
		}
	}
}

// createMany creates accepted jobs of an organization that are due, each changed by flood.
func createMany(t *testing.T, store jobs.Store, n int, flood func(*jobs.Job)) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(256) // to share commits
	now := time.Now().UTC()
	for i := range n {
		g.Go(func() error {
			job := &jobs.Job{
				ID: jobs.NewID(), OrganizationID: "flood", Source: jobs.Webhook, State: jobs.Accepted, MaxAttempts: 10,
				Payload: jobs.Payload{Bucket: "fhirdock", Key: fmt.Sprintf("incoming/fhir/flood/%d", i), Size: 1, Format: "bundle", BundleType: "batch", Validated: true},
				DueAt:   now, CreatedAt: now, UpdatedAt: now,
			}
			flood(job)
			return store.Create(ctx, job)
		})
	}
	require.NoError(t, g.Wait())
}

// heldByTheDead creates a job that a dead worker holds, with a lease until end.
func heldByTheDead(t *testing.T, store jobs.Store, end time.Time) {
	t.Helper()
	const lease = 30 * time.Second
	now := end.Add(-lease).UTC()
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "other", Source: jobs.Webhook, State: jobs.Accepted, MaxAttempts: 10, DueAt: now.Add(jobs.Overdue), CreatedAt: now, UpdatedAt: now}
	require.NoError(t, store.Create(t.Context(), job))
	_, err := jobs.Change(t.Context(), store, job.ID, func(j *jobs.Job) error {
		_, err := j.Take(now, "dead/1", lease)
		return err
	})
	require.NoError(t, err)
}
