package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

// called is a process that is called with its wake-ups, in synthetic time.
type called struct {
	t       *testing.T
	store   jobs.Store
	svc     *ingest.Service
	worker  *ingest.Worker
	sent    *pubsub.Subscription // the wake-ups that it sends
	batches []int64              // handed over, by their first entry
}

// newCalled returns one with a job of three entries, each its own batch, and a handler.
func newCalled(t *testing.T, store jobs.Store, opts *ingest.Options, handle func(ctx context.Context, batch int64) error) (c *called, id string) {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	topic, subscription := local(nil)
	t.Cleanup(func() {
		require.NoError(t, errors.Join(topic.Shutdown(context.Background()), subscription.Shutdown(context.Background()), bucket.Close()))
	})
	opts.Logger, opts.NoUploads = slog.New(slog.DiscardHandler), true
	c = &called{t: t, store: store, sent: subscription}
	var err error
	c.svc, err = ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, opts)
	require.NoError(t, err)
	c.worker, err = ingest.NewWorker(c.svc, ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		c.batches = append(c.batches, b.Resources[0].Index)
		return handle(ctx, b.Resources[0].Index)
	}), &ingest.WorkerOptions{BatchResources: 1})
	require.NoError(t, err, "without a subscription")
	id = accept(t, c.svc)
	require.Equal(t, id, c.woken())
	return c, id
}

// woken returns the id in the next wake-up that was sent.
func (c *called) woken() string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	msg, err := c.sent.Receive(ctx)
	if err != nil {
		return "none"
	}
	msg.Ack()
	m, err := queue.Decode(msg.Body)
	require.NoError(c.t, err)
	return m.JobID
}

// work calls Work with a deadline, and returns how long it took.
func (c *called) work(id string, left time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	began := time.Now()
	err := c.worker.Work(ctx, id)
	return time.Since(began), err
}

func (c *called) job(id string) *jobs.Job {
	c.t.Helper()
	job, err := c.store.Get(context.Background(), id)
	require.NoError(c.t, err)
	return job
}

func quick(context.Context, int64) error { return nil }

// hang is a batch that ends when its context does.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestWorkOfOneWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, id := newCalled(t, jobs.NewMemStore(), &ingest.Options{}, quick)
		require.NoError(t, c.worker.Work(t.Context(), id), "without a deadline")
		require.Equal(t, jobs.Completed, c.job(id).State)
		require.Equal(t, []int64{0, 1, 2}, c.batches)

		// Wake-ups without a job to process are no error.
		for _, other := range []string{id, jobs.NewID(), "no-id", ""} {
			require.NoError(t, c.worker.Work(t.Context(), other))
		}
		taken := accept(t, c.svc)
		_, err := jobs.Change(t.Context(), c.store, taken, func(j *jobs.Job) error {
			_, err := j.Take(time.Now(), "somebody else", time.Minute)
			return err
		})
		require.NoError(t, err)
		require.NoError(t, c.worker.Work(t.Context(), taken))
		require.Len(t, c.batches, 3)
		require.ErrorContains(t, c.worker.Run(t.Context()), "Subscription")
	})
}

// A job that needs more time than one call has continues from its checkpoint.
func TestWorkGivesBackBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, id := newCalled(t, jobs.NewMemStore(), &ingest.Options{}, func(context.Context, int64) error {
			time.Sleep(3 * time.Second)
			return nil
		})
		took, err := c.work(id, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, 6*time.Second, took, "half of the time had passed in the second batch, and no third was begun")
		job := c.job(id)
		require.Equal(t, jobs.Accepted, job.State)
		require.Zero(t, job.Attempt, "the attempt was given back")
		require.EqualValues(t, 2, job.Progress.Done)
		require.Equal(t, id, c.woken(), "it wakes itself")

		_, err = c.work(id, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, c.job(id).State)
		require.Equal(t, []int64{0, 1, 2}, c.batches, "each batch once")

		// With much time, DrainTimeout is left free.
		id = accept(t, c.svc)
		require.Equal(t, id, c.woken())
		took, err = c.work(id, 25*time.Second)
		require.NoError(t, err)
		require.Equal(t, 9*time.Second, took, "it runs to its end")
		id = accept(t, c.svc)
		require.Equal(t, id, c.woken())
		took, err = c.work(id, 50*time.Second)
		require.NoError(t, err)
		require.Equal(t, 9*time.Second, took)
		require.Equal(t, jobs.Completed, c.job(id).State)
	})
}

// A batch that takes too long is cut off in time for the record: an attempt that made
// progress is given back, and one that did not fails.
func TestWorkCutsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, id := newCalled(t, jobs.NewMemStore(), &ingest.Options{MaxAttempts: 2}, func(ctx context.Context, batch int64) error {
			if batch == 1 {
				return hang(ctx)
			}
			return nil
		})
		took, err := c.work(id, time.Minute)
		require.NoError(t, err)
		require.Equal(t, 55*time.Second, took, "a quarter of DrainTimeout is left")
		job := c.job(id)
		require.Zero(t, job.Attempt)
		require.Nil(t, job.Failure)
		require.EqualValues(t, 1, job.Progress.Done)
		require.Equal(t, id, c.woken())

		for attempt := 1; attempt <= 2; attempt++ {
			took, err = c.work(id, 4*time.Second)
			require.NoError(t, err)
			require.Equal(t, 3500*time.Millisecond, took)
			job = c.job(id)
			require.Equal(t, attempt, job.Attempt, "counted")
			require.Equal(t, "out-of-time", job.Failure.Code)
			time.Sleep(time.Until(job.NotBefore))
		}
		require.Equal(t, jobs.Failed, job.State, "the time is never enough")
		require.Equal(t, []int64{0, 1, 1, 1}, c.batches)
	})
}

func TestWorkWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, id := newCalled(t, jobs.NewMemStore(), &ingest.Options{}, quick)
		_, err := c.work(id, 900*time.Millisecond)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, c.worker.Work(ctx, id), context.Canceled)
		require.Equal(t, jobs.Accepted, c.job(id).State)
		require.Empty(t, c.batches)
	})
}

func TestWorkThatIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, id := newCalled(t, jobs.NewMemStore(), &ingest.Options{}, func(ctx context.Context, _ int64) error { return hang(ctx) })
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		time.AfterFunc(time.Minute, cancel)
		require.NoError(t, c.worker.Work(ctx, id))
		require.Equal(t, 80*time.Second, time.Since(began), "DrainTimeout")
		job := c.job(id)
		require.Equal(t, jobs.Accepted, job.State)
		require.Zero(t, job.Attempt, "the payload is not to blame")
	})
}

// awayStore fails the calls it is told to.
type awayStore struct {
	jobs.Store
	reads, ends, claims atomic.Bool
}

var errAway = errors.New("away")

func (s *awayStore) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if s.reads.Load() {
		return nil, errAway
	}
	return s.Store.Get(ctx, id)
}

func (s *awayStore) Update(ctx context.Context, job *jobs.Job) error {
	if s.claims.Load() && job.State == jobs.Processing || s.ends.Load() && job.State == jobs.Accepted {
		return errAway
	}
	return s.Store.Update(ctx, job)
}

// A wake-up without effect is an error. An attempt that failed did have an effect, unless
// it could not be recorded.
func TestWorkReportsABackEndThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &awayStore{Store: jobs.NewMemStore()}
		c, id := newCalled(t, store, &ingest.Options{}, func(context.Context, int64) error { return errors.New("handler") })
		for _, away := range []*atomic.Bool{&store.reads, &store.claims} {
			away.Store(true)
			require.ErrorIs(t, c.worker.Work(t.Context(), id), errAway)
			require.NoError(t, c.worker.Work(t.Context(), "no-id"), "an invalid id is not looked up")
			away.Store(false)
			require.Empty(t, c.batches)
		}
		store.ends.Store(true)
		require.ErrorIs(t, c.worker.Work(t.Context(), id), errAway)
		store.ends.Store(false)
		require.Len(t, c.batches, 1)

		time.Sleep(time.Minute) // the lease ends
		require.NoError(t, c.worker.Work(t.Context(), id))
		require.Equal(t, "handler", c.job(id).Failure.Code)
		require.Len(t, c.batches, 2)
	})
}

// sweep sweeps once, like a schedule for functions.
func (c *called) sweep(poke int) {
	c.t.Helper()
	sweeper, err := ingest.NewSweeper(c.svc, &ingest.SweeperOptions{Poke: poke})
	require.NoError(c.t, err)
	_, err = sweeper.Sweep(context.Background())
	require.NoError(c.t, err)
}

// A job's only message is lost: the next sweep wakes it.
func TestWorkOfALostMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, id := newCalled(t, jobs.NewMemStore(), &ingest.Options{}, quick) // newCalled took the message
		c.sweep(5)
		require.Equal(t, id, c.woken())
		_, err := c.work(id, time.Minute)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, c.job(id).State)
		c.sweep(5)
		require.Equal(t, "none", c.woken(), "no jobs are left")
	})
}

// While the store is away each call fails, until the queue has moved the message to its
// dead-letter queue. The next sweep wakes the job.
func TestWorkOfAMessageInTheDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &awayStore{Store: jobs.NewMemStore()}
		c, id := newCalled(t, store, &ingest.Options{}, quick)
		store.reads.Store(true)
		for range 3 { // maxReceiveCount
			_, err := c.work(id, time.Minute)
			require.ErrorIs(t, err, errAway)
		}
		store.reads.Store(false)
		c.sweep(5)
		require.Equal(t, id, c.woken())
		_, err := c.work(id, time.Minute)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, c.job(id).State)
		require.Equal(t, 1, c.job(id).Attempt)
	})
}

// Of a hundred jobs in order one message is left. Calls with and without a deadline process
// them in order, and each wakes the next.
func TestWorkOfAChainInOrder(t *testing.T) {
	for name, left := range map[string]time.Duration{"without a deadline": 0, "with one": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, first := newCalled(t, jobs.NewMemStore(), &ingest.Options{}, quick)
				var ended []string
				var err error
				c.worker, err = ingest.NewWorker(c.svc, ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
					ended = append(ended, b.Job.ID)
					time.Sleep(time.Second)
					return nil
				}), &ingest.WorkerOptions{OrderPerOrganization: true})
				require.NoError(t, err)
				ids := []string{first}
				for len(ids) < 100 {
					time.Sleep(time.Millisecond)
					ids = append(ids, accept(t, c.svc))
					c.woken() // and lost
				}
				last := ids[len(ids)-1] // any of them will do
				for calls := 0; last != "none"; calls++ {
					require.Less(t, calls, 101)
					if left == 0 {
						require.NoError(t, c.worker.Work(t.Context(), last))
					} else {
						_, err := c.work(last, left)
						require.NoError(t, err)
					}
					last = c.woken()
				}
				require.Equal(t, ids, ended)
			})
		})
	}
}

// A flood of one organization's jobs leaves room for another's job among the wake-ups of a
// sweep, and in the chain of calls.
func TestWorkBesideAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newCalled(t, jobs.NewMemStore(), &ingest.Options{}, quick)
		acceptOf := func(org string) string {
			receipt, err := c.svc.Accept(t.Context(), ingest.Caller{OrganizationID: org}, ingest.AcceptRequest{Body: bytes.NewReader(bundle("collection", 1))})
			require.NoError(t, err)
			require.Equal(t, receipt.Job.ID, c.woken())
			return receipt.Job.ID
		}
		var id string
		for range 50 {
			id = acceptOf("m-flood")
		}
		early, late := acceptOf("a-single"), acceptOf("z-single")
		c.sweep(5)
		var woken []string
		for range 5 {
			woken = append(woken, c.woken())
		}
		require.Contains(t, woken, early)
		require.Contains(t, woken, late)
		require.Equal(t, "none", c.woken())

		for range 5 {
			require.NoError(t, c.worker.Work(t.Context(), id)) // without a deadline
			id = c.woken()
		}
		require.Equal(t, jobs.Completed, c.job(early).State)
		require.Equal(t, jobs.Completed, c.job(late).State)
	})
}
