package ingest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Workers find a job whose wake-up was lost, without a sweeper.
func TestAJobWithoutAWakeUpIsFound(t *testing.T) {
	topic, subscription := local(nil)
	bucket, store := memblob.OpenBucket(nil), jobs.NewMemStore()
	lost, dead := local(nil) // messages published after the topic is shut down are lost
	require.NoError(t, lost.Shutdown(t.Context()))
	require.NoError(t, dead.Shutdown(t.Context()))
	opts := &ingest.Options{NoUploads: true}
	door, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(lost, nil)), Jobs: store}, opts)
	require.NoError(t, err)
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Subscription: queue.Static(subscription), Jobs: store}, opts)
	require.NoError(t, err)
	worker, err := ingest.NewWorker(svc, &ingesttest.Sink{}, &ingest.WorkerOptions{PollInterval: 100 * time.Millisecond})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()

	receipt, err := door.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err, "payloads are accepted even if no wake-up can be sent")
	require.Eventually(t, func() bool {
		job, err := store.Get(t.Context(), receipt.Job.ID)
		return err == nil && job.State == jobs.Completed
	}, 5*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

// If workers can't poll, the sweeper sends wake-ups for waiting jobs: for each organization,
// a bounded number, and again until the jobs are claimed.
func TestSweeperPokes(t *testing.T) {
	var woken []string
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{Observe: func(e ingest.Event) {
		if e.Kind == ingest.EventWoken {
			woken = append(woken, e.JobID)
		}
	}}})
	organizations := map[string]string{}
	for _, organization := range []string{"a", "b", "c"} {
		for range 5 {
			receipt, err := p.Service.Accept(t.Context(), ingest.Caller{OrganizationID: organization}, ingest.AcceptRequest{Body: strings.NewReader(small)})
			require.NoError(t, err)
			organizations[receipt.Job.ID] = organization
		}
	}
	sweeper := newSweeper(t, p.Service, &ingest.SweeperOptions{Poke: 3})
	for range 20 {
		_, err := sweeper.Sweep(t.Context())
		require.NoError(t, err)
	}
	require.Len(t, woken, 20*3)
	for _, id := range woken {
		require.NotEmpty(t, organizations[id])
	}
	woken = nil
	for id := range organizations {
		_, err := jobs.Change(t.Context(), p.Jobs, id, func(j *jobs.Job) error {
			_, err := j.Take(p.Clock.Now(), "w", time.Minute)
			return err
		})
		require.NoError(t, err)
	}
	_, err := sweeper.Sweep(t.Context())
	require.NoError(t, err)
	require.Empty(t, woken, "all of them are being processed")
	for _, poke := range []int{-1, jobs.MaxPage + 1} {
		_, err = ingest.NewSweeper(p.Service, &ingest.SweeperOptions{Poke: poke})
		require.Error(t, err)
	}
}

// The sweeper looks after uploads even if no wake-up can be sent.
func TestSweeperWithoutATopic(t *testing.T) {
	lost, dead := local(nil)
	require.NoError(t, lost.Shutdown(t.Context()))
	require.NoError(t, dead.Shutdown(t.Context()))
	bucket, store, clock := memblob.OpenBucket(nil), jobs.NewMemStore(), ingesttest.NewClock()
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, &blobstore.Options{Signer: anySigner{}})), Publisher: must(queue.NewPublisher(lost, nil)), Jobs: store}, &ingest.Options{Now: clock.Now})
	require.NoError(t, err)
	for range 3 {
		_, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		require.NoError(t, err)
	}
	clock.Advance(time.Second)
	ticket, err := svc.SignUpload(t.Context(), caller, ingest.UploadRequest{ContentType: ndjson})
	require.NoError(t, err)
	require.NoError(t, bucket.WriteAll(t.Context(), ticket.Job.Payload.Key, []byte("{}"), &blob.WriterOptions{ContentType: ndjson}))

	clock.Advance(time.Minute)
	_, err = newSweeper(t, svc, nil).Sweep(t.Context())
	require.NoError(t, err)
	job, err := store.Get(t.Context(), ticket.Job.ID)
	require.NoError(t, err)
	require.Equal(t, jobs.Accepted, job.State)
}

// anySigner signs everything.
type anySigner struct{}

func (anySigner) SignUpload(_ context.Context, key string, _ blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	return &blobstore.SignedUpload{URL: "http://127.0.0.1/" + key, Method: "PUT"}, nil
}

func (anySigner) Enforces() blobstore.Enforced { return blobstore.Enforced{} }

func TestSweeperRescuesAndGivesUp(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxAttempts: 2}})
	receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	id := receipt.Job.ID
	for attempt := 1; attempt <= 2; attempt++ {
		// A worker that takes the job and dies.
		_, err := jobs.Change(t.Context(), p.Jobs, id, func(j *jobs.Job) error {
			_, err := j.Take(p.Clock.Now(), "dies", 30*time.Second)
			return err
		})
		require.NoError(t, err)
		p.Advance(t, 29*time.Second)
		require.Equal(t, jobs.Processing, mustGet(t, p, id).State, "the lease has not ended")
		p.Advance(t, time.Second)
	}
	job := mustGet(t, p, id)
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, jobs.CodeAttempts, job.Failure.Code)
}

// A job whose workers keep dying is delayed from the third death on, so that other jobs in
// the same process can finish before they have used up their own attempts.
func TestDeathsInARowAreFollowedByAPause(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	id := receipt.Job.ID
	die := func() *jobs.Job {
		_, err := jobs.Change(t.Context(), p.Jobs, id, func(j *jobs.Job) error {
			_, err := j.Take(p.Clock.Now(), "dies", 30*time.Second)
			return err
		})
		require.NoError(t, err)
		p.Advance(t, 30*time.Second)
		return mustGet(t, p, id)
	}
	require.Zero(t, die().NotBefore)
	require.Zero(t, die().NotBefore)
	for range 3 {
		job := die()
		require.Equal(t, jobs.Accepted, job.State)
		require.True(t, job.NotBefore.After(p.Clock.Now()))
		p.Advance(t, time.Minute)
	}
}

// failingGet makes looking after one job fail.
type failingGet struct {
	jobs.Store
	id    atomic.Value
	fails atomic.Int32
}

func (f *failingGet) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if f.id.Load() == id {
		f.fails.Add(1)
		return nil, errors.New("poison")
	}
	return f.Store.Get(ctx, id)
}

func TestOneFailingJobDoesNotStopTheSweep(t *testing.T) {
	store := &failingGet{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	bad := p.Client.Ticket(t, ndjson).UploadID
	var good []string
	for range 5 {
		good = append(good, p.Client.Ticket(t, ndjson).UploadID)
	}
	store.id.Store(bad)
	p.Clock.Advance(time.Hour)
	sweeper := newSweeper(t, p.Service, &ingest.SweeperOptions{Page: 2})
	_, err := sweeper.Sweep(t.Context())
	require.ErrorContains(t, err, "poison")
	for _, id := range good {
		require.Equal(t, jobs.Expired, mustGet(t, p, id).State)
	}
	require.Positive(t, store.fails.Load())
}

// An upload that can't be looked for does not stay at the head of the queue.
func TestAnUploadThatCannotBeLookedForIsPutOff(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Bucket: bucket})
	id := p.Client.Ticket(t, ndjson).UploadID
	require.NoError(t, bucket.Close()) // every call fails from now on
	p.Clock.Advance(time.Minute)
	_, err := p.Sweeper.Sweep(t.Context())
	require.Error(t, err)
	job := mustGet(t, p, id)
	require.Equal(t, jobs.AwaitingUpload, job.State)
	require.True(t, job.DueAt.After(p.Clock.Now()))
}

// brokenRecord has one more due job, which can't be read.
type brokenRecord struct{ jobs.Store }

func (b brokenRecord) Due(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
	due, _ := b.Store.Due(ctx, now, limit-1)
	return due, errors.New("not the JSON of a job")
}

func TestABrokenRecordDoesNotStopTheSweep(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: brokenRecord{jobs.NewMemStore()}})
	var ids []string
	for range 5 {
		ids = append(ids, p.Client.Ticket(t, ndjson).UploadID)
	}
	p.Clock.Advance(time.Hour)
	_, err := newSweeper(t, p.Service, &ingest.SweeperOptions{Page: 3}).Sweep(t.Context())
	require.ErrorContains(t, err, "not the JSON")
	for _, id := range ids {
		require.Equal(t, jobs.Expired, mustGet(t, p, id).State)
	}
}

// Jobs whose wake-ups can't be sent don't keep the sweeper from others: dead workers and
// uploads.
func TestAFullQueueDoesNotStopTheSweep(t *testing.T) {
	topic, subscription := local(&queue.LocalOptions{Capacity: 1})
	t.Cleanup(func() { _ = topic.Shutdown(context.Background()); _ = subscription.Shutdown(context.Background()) })
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(p.Bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: p.Jobs}, &ingest.Options{NoUploads: true, Now: p.Clock.Now})
	require.NoError(t, err)
	accept := func() string {
		receipt, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		require.NoError(t, err)
		return receipt.Job.ID
	}
	for range 20 {
		accept()
	}
	p.Clock.Advance(time.Second)
	dead, upload := accept(), p.Client.Ticket(t, ndjson).UploadID
	_, err = jobs.Change(t.Context(), p.Jobs, dead, func(j *jobs.Job) error {
		_, err := j.Take(p.Clock.Now(), "dies", 30*time.Second)
		return err
	})
	require.NoError(t, err)
	p.Clock.Advance(time.Hour)
	sweeper := newSweeper(t, svc, &ingest.SweeperOptions{Page: 2})
	n, err := sweeper.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n, "jobs that wait for a worker are not due")
	require.Equal(t, jobs.Accepted, mustGet(t, p, dead).State)
	require.Equal(t, jobs.Expired, mustGet(t, p, upload).State)
}

// Sweepers may run concurrently: each job is looked after once.
func TestSweepersSideBySide(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	for range 50 {
		_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		require.NoError(t, err)
	}
	p.Clock.Advance(time.Minute)
	errs := make(chan error, 4)
	for range 4 {
		sweeper := newSweeper(t, p.Service, nil)
		go func() {
			_, err := sweeper.Sweep(context.Background())
			errs <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-errs)
	}
	n, err := p.Sweeper.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

// hangingGet never answers for one job.
type hangingGet struct {
	jobs.Store
	id string
}

func (h *hangingGet) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if id == h.id {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Store.Get(ctx, id)
}

// A call that never returns delays the other jobs only for some time.
func TestAHangingJobDoesNotStopTheSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, subscription := local(nil)
		store := &hangingGet{Store: jobs.NewMemStore()}
		svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: anySigner{}})), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, nil)
		require.NoError(t, err)
		var ids []string
		for range 2 {
			ticket, err := svc.SignUpload(t.Context(), caller, ingest.UploadRequest{ContentType: ndjson})
			require.NoError(t, err)
			ids = append(ids, ticket.Job.ID)
			time.Sleep(time.Second) // the first is due first
		}
		store.id = ids[0]
		time.Sleep(time.Hour)
		began := time.Now()
		_, err = newSweeper(t, svc, nil).Sweep(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, time.Since(began), time.Minute)
		job, err := store.Get(t.Context(), ids[1])
		require.NoError(t, err)
		require.Equal(t, jobs.Expired, job.State)
		require.NoError(t, topic.Shutdown(t.Context()))
		require.NoError(t, subscription.Shutdown(t.Context()))
	})
}

// laggingStore always returns the jobs that were due when it was first asked.
type laggingStore struct {
	jobs.Store
	due   []*jobs.Job
	asked int
}

func (s *laggingStore) Due(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
	if s.asked++; s.asked == 1 {
		var err error
		if s.due, err = s.Store.Due(ctx, now, limit); err != nil {
			return nil, err
		}
	}
	return s.due, nil
}

// A store with stale answers does not keep a sweep from ending, nor are its jobs looked
// after again and again.
func TestSweepOfAStaleStore(t *testing.T) {
	topic, subscription := local(nil)
	defer subscription.Shutdown(context.Background())
	defer topic.Shutdown(context.Background())
	bucket, clock := memblob.OpenBucket(nil), ingesttest.NewClock()
	defer bucket.Close()
	store := &laggingStore{Store: jobs.NewMemStore()}
	var rescued atomic.Int64
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{
		NoUploads: true,
		Now:       clock.Now, Observe: func(e ingest.Event) {
			if e.Kind == ingest.EventRescued {
				rescued.Add(1)
			}
		},
	})
	require.NoError(t, err)
	for range 4 {
		receipt, err := svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		require.NoError(t, err)
		_, err = jobs.Change(t.Context(), store, receipt.Job.ID, func(j *jobs.Job) error {
			_, err := j.Take(clock.Now(), "dies", 30*time.Second)
			return err
		})
		require.NoError(t, err)
	}
	clock.Advance(time.Minute)
	n, err := newSweeper(t, svc, &ingest.SweeperOptions{Page: 4}).Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, 3, store.asked, "once for leases in the future")
	require.EqualValues(t, 4, rescued.Load())
}
