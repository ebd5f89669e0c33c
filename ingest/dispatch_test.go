package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
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

// dispatching is a worker in synthetic time. Tests put jobs into the store by hand, with or
// without a wake-up.
type dispatching struct {
	t     *testing.T
	store jobs.Store
	pub   *queue.Publisher
	stop  func() // stops the worker and waits for it

	mu   sync.Mutex
	done []string // organizations, in the order in which their jobs were handed over
}

func newDispatching(t *testing.T, store jobs.Store, opts ingest.WorkerOptions, handle func(ctx context.Context, org string) error) *dispatching {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	require.NoError(t, bucket.WriteAll(t.Context(), "payload", []byte(`{"resourceType":"Patient"}`+"\n"), nil))
	topic, subscription := local(nil)
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Subscription: queue.Static(subscription), Jobs: store},
		&ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	d := &dispatching{t: t, store: store, pub: must(queue.NewPublisher(topic, nil))}
	worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		d.mu.Lock()
		d.done = append(d.done, b.Job.OrganizationID)
		d.mu.Unlock()
		return handle(ctx, b.Job.OrganizationID)
	}), &opts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = worker.Run(ctx) })
	d.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		for err := error(nil); err == nil; { // so that the subscription leaves no goroutine
			var msg *pubsub.Message
			end, cancel := context.WithTimeout(context.Background(), time.Second)
			if msg, err = subscription.Receive(end); err == nil {
				msg.Ack()
			}
			cancel()
		}
		_ = topic.Shutdown(context.Background())
		_ = subscription.Shutdown(context.Background())
		_ = bucket.Close()
	})
	synctest.Wait()
	return d
}

// put puts a job into the store.
func (d *dispatching) put(org string) *jobs.Job {
	d.t.Helper()
	now := time.Now()
	job := &jobs.Job{
		ID: jobs.NewID(), OrganizationID: org, State: jobs.Accepted, MaxAttempts: 3, CreatedAt: now, DueAt: now.Add(jobs.Overdue),
		Payload: jobs.Payload{Key: "payload", Size: 27, Format: "ndjson", Validated: true},
	}
	require.NoError(d.t, d.store.Create(context.Background(), job))
	return job
}

func (d *dispatching) wake(id string) {
	d.t.Helper()
	require.NoError(d.t, d.pub.Publish(context.Background(), queue.Message{JobID: id}))
}

func (d *dispatching) handed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.done...)
}

// Dozens of slow jobs that were all woken don't delay another organization's job, woken
// last or not at all.
func TestWakeUpsThatWaitKeepFairShares(t *testing.T) {
	for _, woken := range []bool{true, false} {
		t.Run(fmt.Sprint("woken ", woken), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDispatching(t, jobs.NewMemStore(), ingest.WorkerOptions{Concurrency: 1}, func(context.Context, string) error {
					time.Sleep(time.Minute)
					return nil
				})
				defer d.stop()
				for range 40 {
					d.wake(d.put("big").ID)
				}
				if job := d.put("small"); woken {
					d.wake(job.ID)
				}
				time.Sleep(3*time.Minute + 30*time.Second)
				require.Contains(t, d.handed(), "small", "of %d", len(d.handed()))
			})
		})
	}
}

// A job whose wake-up was lost begins although other jobs' wake-ups take every place as
// soon as it is free.
func TestWakeUpsDoNotKeepTheWorkerFromPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDispatching(t, jobs.NewMemStore(), ingest.WorkerOptions{Concurrency: 1}, func(context.Context, string) error {
			time.Sleep(time.Second)
			return nil
		})
		defer d.stop()
		d.wake(d.put("big").ID)
		synctest.Wait()
		d.put("small")
		for range 30 {
			time.Sleep(990 * time.Millisecond) // just before the next place is free
			d.wake(d.put("big").ID)
		}
		require.Contains(t, d.handed(), "small", "of %d", len(d.handed()))
	})
}

// racedStore lets others claim the found jobs first, a number of times.
type racedStore struct {
	jobs.Store
	lost atomic.Int32
}

func (s *racedStore) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	if s.lost.Load() > 0 && q.Claim != nil {
		claim := q.Claim
		q.Claim = nil
		found, err := s.Store.Next(ctx, q)
		for _, job := range found {
			if claim(job) == nil {
				s.lost.Add(-1)
			}
		}
		return nil, err
	}
	return s.Store.Next(ctx, q)
}

// If several workers find the same jobs, a worker that loses the race asks again at once:
// more jobs may be waiting without another wake-up.
func TestALostRaceForAJobIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &racedStore{Store: jobs.NewMemStore()}
		d := newDispatching(t, store, ingest.WorkerOptions{PollInterval: time.Minute}, func(context.Context, string) error { return nil })
		defer d.stop()
		time.Sleep(10 * time.Minute)
		store.lost.Store(3)
		d.put("a")
		time.Sleep(70 * time.Second) // one poll
		require.Equal(t, []string{"a"}, d.handed())
	})
}

// lostAnswers stores claims and returns an error.
type lostAnswers struct {
	jobs.Store
	lose atomic.Bool
}

func (s *lostAnswers) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	claim := q.Claim
	q.Claim = nil
	found, err := s.Store.Next(ctx, q)
	if err != nil {
		return nil, err
	}
	q.Claim = claim
	return jobs.ClaimNext(ctx, s, q, found, nil)
}

func (s *lostAnswers) Update(ctx context.Context, job *jobs.Job) error {
	err := s.Store.Update(ctx, job.Clone())
	if err == nil && job.State == jobs.Processing && s.lose.CompareAndSwap(true, false) {
		return errAway
	}
	if err == nil {
		job.Revision++
	}
	return err
}

// A claim that was stored although the store returned an error is processed at once, not
// only after its lease.
func TestAClaimWhoseAnswerWasLostHasAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lostAnswers{Store: jobs.NewMemStore()}
		store.lose.Store(true)
		d := newDispatching(t, store, ingest.WorkerOptions{Lease: time.Hour}, func(context.Context, string) error { return nil })
		defer d.stop()
		job := d.put("a")
		d.wake(job.ID)
		time.Sleep(time.Second)
		require.False(t, store.lose.Load())
		there, err := store.Get(t.Context(), job.ID)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, there.State)
		require.Equal(t, 1, there.Attempt)
	})
}

// slowAnswers takes time to return the next jobs.
type slowAnswers struct{ jobs.Store }

func (s slowAnswers) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	found, err := s.Store.Next(ctx, q)
	select {
	case <-time.After(2 * time.Second):
		return found, err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), err)
	}
}

// A worker that is stopped while the store claims for it gives the claimed jobs back.
func TestAWorkerThatStopsKeepsNoClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := slowAnswers{jobs.NewMemStore()}
		d := newDispatching(t, store, ingest.WorkerOptions{}, func(context.Context, string) error { return nil })
		defer d.stop()
		time.Sleep(time.Minute)
		job := d.put("a")
		require.Eventually(t, func() bool {
			there, err := store.Get(context.Background(), job.ID)
			return err == nil && there.State == jobs.Processing
		}, time.Minute, 100*time.Millisecond)
		d.stop()
		there, err := store.Get(t.Context(), job.ID)
		require.NoError(t, err)
		require.Equal(t, jobs.Accepted, there.State)
		require.Zero(t, there.Attempt)
	})
}
