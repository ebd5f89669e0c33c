package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// crew is several workers on one job store, with wake-ups sent by hand.
type crew struct {
	bucket *blob.Bucket
	store  jobs.Store
	door   *ingest.Service // accepts; its wake-ups are lost
	svc    *ingest.Service // of the workers
	wake   func(ids ...string)
}

func newCrew(t *testing.T, store jobs.Store, h ingest.Handler, workers int, opts ingest.WorkerOptions) *crew {
	t.Helper()
	opts.DrainTimeout, opts.PollInterval = time.Second, time.Hour // so that only wake-ups start jobs
	c := &crew{bucket: memblob.OpenBucket(nil), store: store}
	t.Cleanup(func() { _ = c.bucket.Close() })
	back := ingest.Backends{Store: must(blobstore.New(c.bucket, nil)), Jobs: store}
	o := ingest.Options{
		RetryBase: 40 * time.Millisecond, RetryMax: 80 * time.Millisecond, Logger: slog.New(slog.DiscardHandler), MaxAttempts: 50, NoUploads: true,
	}
	var err error
	nobody, _ := local(&queue.LocalOptions{Capacity: 1})
	back.Publisher = must(queue.NewPublisher(nobody, nil))
	c.door, err = ingest.New(back, &o)
	require.NoError(t, err)
	topic, subscription := local(nil)
	pub := must(queue.NewPublisher(topic, nil))
	back.Publisher, back.Subscription = pub, queue.Static(subscription)
	c.svc, err = ingest.New(back, &o)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	for range workers {
		worker, err := ingest.NewWorker(c.svc, h, &opts)
		require.NoError(t, err)
		running.Go(func() { _ = worker.Run(ctx) })
	}
	c.wake = func(ids ...string) {
		for _, id := range ids {
			require.NoError(t, pub.Publish(t.Context(), queue.Message{JobID: id}))
		}
	}
	return c
}

// accept accepts a job with a number of resources.
func (c *crew) accept(t *testing.T, org string, resources int) string {
	t.Helper()
	entry := `{"resource":{"resourceType":"Patient"}}`
	body := `{"resourceType":"Bundle","type":"collection","entry":[` + entry + strings.Repeat(","+entry, resources-1) + `]}`
	receipt, err := c.door.Accept(t.Context(), ingest.Caller{OrganizationID: org}, ingest.AcceptRequest{Body: strings.NewReader(body)})
	require.NoError(t, err)
	return receipt.Job.ID
}

func (c *crew) get(t testing.TB, id string) *jobs.Job {
	t.Helper()
	job, err := c.store.Get(context.Background(), id)
	require.NoError(t, err)
	return job
}

func (c *crew) waitFor(t *testing.T, id string, wanted func(*jobs.Job) bool) *jobs.Job {
	t.Helper()
	var job *jobs.Job
	require.Eventually(t, func() bool { job = c.get(t, id); return wanted(job) }, 10*time.Second, time.Millisecond)
	return job
}

// received returns the next value of a channel; the test fails if there is none.
func received[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(8 * time.Second):
		t.Fatal("nothing was received")
	}
	return v
}

func send[T any](t *testing.T, to chan<- T, v T) {
	t.Helper()
	select {
	case to <- v:
	case <-time.After(8 * time.Second):
		t.Fatal("nothing was sent")
	}
}

func completed(j *jobs.Job) bool { return j.State == jobs.Completed }

// watched checks the order in which the jobs of each organization are processed.
type watched struct {
	t      *testing.T
	ready  chan struct{} // closed once all jobs are known
	store  jobs.Store
	policy ingest.HeadOfLine
	place  map[string]int      // of a job in its organization's line
	line   map[string][]string // of an organization
	mu     sync.Mutex
	rng    *rand.Rand
	active map[string]string
	failed map[string]bool // permanently, once
}

func (w *watched) Handle(ctx context.Context, b *ingest.Batch) error {
	<-w.ready
	org := b.Job.OrganizationID
	w.mu.Lock()
	if other := w.active[org]; other != "" {
		w.t.Errorf("jobs %d and %d of %s are processed at the same time", w.place[other], w.place[b.Job.ID], org)
	}
	w.active[org] = b.Job.ID
	chance, pause := w.rng.IntN(100), time.Duration(w.rng.IntN(500))*time.Microsecond
	permanent := chance < 5 && !w.failed[b.Job.ID]
	if permanent {
		w.failed[b.Job.ID] = true
	}
	w.mu.Unlock()
	for _, older := range w.line[org][:w.place[b.Job.ID]] {
		job, err := w.store.Get(context.WithoutCancel(ctx), older)
		if err != nil || !job.State.Finished() || w.policy == ingest.Block && job.State == jobs.Failed {
			w.t.Errorf("job %d of %s is processed before job %d, error %v", w.place[b.Job.ID], org, w.place[older], err)
		}
	}
	time.Sleep(pause) // the work
	w.mu.Lock()
	w.active[org] = ""
	w.mu.Unlock()
	switch {
	case permanent:
		return ingest.Permanent(errors.New("refused"))
	case chance < 25:
		return errors.New("away")
	}
	return nil
}

// Several workers, duplicated and shuffled wake-ups, failures and back-offs: jobs are
// processed in order, and never two of an organization at once.
func TestOrderPerOrganization(t *testing.T) {
	organizations, each := 4, 9
	if testing.Short() {
		organizations, each = 3, 6
	}
	for _, policy := range []ingest.HeadOfLine{ingest.Park, ingest.Block} {
		eachStore(t, func(t *testing.T, store jobs.Store) {
			w := &watched{
				t: t, ready: make(chan struct{}), store: store, policy: policy, place: map[string]int{}, line: map[string][]string{}, active: map[string]string{},
				failed: map[string]bool{}, rng: rand.New(rand.NewPCG(1, 2)),
			}
			c := newCrew(t, store, w, 3, ingest.WorkerOptions{BatchResources: 2, OrderPerOrganization: true, HeadOfLine: policy})
			var ids []string
			for i := range each {
				for o := range organizations {
					org := fmt.Sprintf("org-%d", o)
					id := c.accept(t, org, 1+i%5)
					w.place[id], w.line[org] = i, append(w.line[org], id)
					ids = append(ids, id, id)
				}
			}
			close(w.ready)
			rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
			c.wake(ids...)
			// The sweeper wakes nothing but jobs whose back-off has ended: a job that waits
			// for another one is not due for 10 seconds.
			sweeper := newSweeper(t, c.svc, nil)
			for org, line := range w.line {
				for place, id := range line {
					require.Eventually(t, func() bool {
						_, err := sweeper.Sweep(t.Context())
						require.NoError(t, err)
						job := c.get(t, id)
						if job.State == jobs.Failed && policy == ingest.Block {
							who := ingest.Caller{OrganizationID: org}
							if place%2 == 0 {
								_, err = c.svc.Redrive(t.Context(), who, id)
							} else {
								_, err = c.svc.Cancel(t.Context(), who, id)
							}
							require.NoError(t, err)
						}
						return job.State.Finished()
					}, 9*time.Second, time.Millisecond, "job %d of %s is not processed", place, org)
				}
			}
			require.NotEmpty(t, w.failed)
		}, string(policy))
	}
}

// gated is a store that holds up the claim of one job.
type gated struct {
	*jobs.MemStore
	id      string
	reached chan struct{}
	open    chan struct{}
	held    atomic.Bool // by the first to claim it; others lose
	asked   atomic.Bool // nothing is next before
}

// Next claims like a store without a better way.
func (g *gated) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	if !g.asked.Load() {
		return nil, nil
	}
	claim := q.Claim
	q.Claim = nil
	found, err := g.MemStore.Next(ctx, q)
	if err != nil {
		return nil, err
	}
	q.Claim = claim
	return jobs.ClaimNext(ctx, g, q, found, func(ctx context.Context, job *jobs.Job) (bool, error) {
		page, err := g.List(ctx, jobs.Query{OrganizationID: job.OrganizationID, State: jobs.Processing})
		return err == nil && len(page.Jobs) == 1, err
	})
}

func (g *gated) Update(ctx context.Context, job *jobs.Job) error {
	if job.ID == g.id && job.State == jobs.Processing {
		if !g.held.Swap(true) {
			close(g.reached)
			select {
			case <-g.open:
			case <-ctx.Done():
			}
			return g.MemStore.Update(ctx, job)
		}
		select {
		case <-g.open:
		default:
			return jobs.ErrConflict
		}
	}
	return g.MemStore.Update(ctx, job)
}

// While a worker is about to claim a job, an older one is accepted and claimed by another
// worker: the first gives its claim back, and no attempt is counted.
func TestOrderOfRacingClaims(t *testing.T) {
	g := &gated{MemStore: jobs.NewMemStore(), reached: make(chan struct{}), open: make(chan struct{})}
	working, goOn := make(chan string, 2), make(chan struct{})
	c := newCrew(t, g, ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		working <- b.Job.ID
		select {
		case <-goOn:
		case <-ctx.Done():
		}
		return ctx.Err()
	}), 2, ingest.WorkerOptions{OrderPerOrganization: true})
	older, newer := c.accept(t, "a", 1), c.accept(t, "a", 1)
	g.id = newer
	parked, err := jobs.Change(t.Context(), g, older, func(j *jobs.Job) error { // failed, as after some attempt
		claim, err := j.Take(time.Now(), "w", time.Minute)
		if err != nil {
			return err
		}
		return j.Fail(time.Now(), *claim, jobs.Failure{})
	})
	require.NoError(t, err)
	require.Equal(t, jobs.Failed, parked.State)
	g.asked.Store(true)

	c.wake(newer)
	received(t, g.reached) // a worker is about to claim the newer one
	_, err = c.door.Redrive(t.Context(), ingest.Caller{OrganizationID: "a"}, older)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // until a wake-up reaches the worker that does not hang
		c.wake(older)
		return len(working) > 0
	}, 8*time.Second, 10*time.Millisecond)
	require.Equal(t, older, received(t, working))
	close(g.open)
	back := c.waitFor(t, newer, func(j *jobs.Job) bool { return j.Revision == 3 })
	require.Equal(t, jobs.Accepted, back.State)
	require.Zero(t, back.Attempt)
	require.True(t, back.StartedAt.IsZero(), "it was not processed")
	select {
	case id := <-working:
		t.Fatalf("job %s is processed at the same time as the older one", id)
	default:
	}
	close(goOn)
	require.Equal(t, newer, received(t, working), "it is next after the older one")
	require.Equal(t, 1, c.waitFor(t, newer, completed).Attempt)
}

// When a job ends in any way, the next one is woken; an older job that comes while a newer
// one is processed is next.
func TestOrderWakesTheNext(t *testing.T) {
	working, goOn, stopped := make(chan string, 9), make(chan error), make(chan struct{}, 9)
	handler := ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		working <- b.Job.ID
		select {
		case err := <-goOn:
			return err
		case <-ctx.Done():
			stopped <- struct{}{}
			return ctx.Err()
		}
	})
	who := ingest.Caller{OrganizationID: "a"}
	for name, end := range map[string]func(t *testing.T, c *crew, id string){
		"completed": func(t *testing.T, _ *crew, _ string) { send(t, goOn, nil) },
		"failed":    func(t *testing.T, _ *crew, _ string) { send(t, goOn, ingest.Permanent(errors.New("refused"))) },
		"cancelled while processing": func(t *testing.T, c *crew, id string) {
			_, err := c.svc.Cancel(t.Context(), who, id)
			require.NoError(t, err)
			received(t, stopped)
		},
		"cancelled in its back-off": func(t *testing.T, c *crew, id string) {
			send(t, goOn, errors.New("away"))
			c.waitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted })
			_, err := c.svc.Cancel(t.Context(), who, id)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrew(t, jobs.NewMemStore(), handler, 2, ingest.WorkerOptions{OrderPerOrganization: true})
			first, second := c.accept(t, "a", 1), c.accept(t, "a", 1)
			c.wake(second) // the first one is processed
			require.Equal(t, first, received(t, working))
			end(t, c, first)
			require.Equal(t, second, received(t, working))
			send(t, goOn, nil)
			c.waitFor(t, second, completed)
			require.True(t, c.get(t, first).State.Finished())
		})
	}
}

// A failed job blocks the later ones of its organization, and of no other.
func TestOrderBlocksAfterAFailedJob(t *testing.T) {
	for _, cancel := range []bool{true, false} {
		refuse := errors.New("refused")
		var mu sync.Mutex
		var worked []string
		c := newCrew(t, jobs.NewMemStore(), ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if b.Job.OrganizationID == "b" {
				return nil
			}
			worked = append(worked, b.Job.ID)
			if err := refuse; err != nil {
				refuse = nil
				return ingest.Permanent(err)
			}
			return nil
		}), 2, ingest.WorkerOptions{OrderPerOrganization: true, HeadOfLine: ingest.Block})
		first, second, other := c.accept(t, "a", 1), c.accept(t, "a", 1), c.accept(t, "b", 1)
		c.wake(first)
		c.waitFor(t, first, func(j *jobs.Job) bool { return j.State == jobs.Failed })
		c.wake(second, second, second, other)
		c.waitFor(t, other, completed)
		require.Equal(t, jobs.Accepted, c.get(t, second).State)
		require.Zero(t, c.get(t, second).Attempt)

		who, want := ingest.Caller{OrganizationID: "a"}, []string{first, second}
		if cancel {
			_, err := c.svc.Cancel(t.Context(), who, first)
			require.NoError(t, err)
		} else {
			_, err := c.svc.Redrive(t.Context(), who, first)
			require.NoError(t, err)
			want = []string{first, first, second}
		}
		c.waitFor(t, second, completed)
		mu.Lock()
		require.Equal(t, want, worked)
		mu.Unlock()
	}
}

func TestHeadOfLineOptions(t *testing.T) {
	topic, subscription := local(nil)
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(memblob.OpenBucket(nil), nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         jobs.NewMemStore(),
	}, &ingest.Options{NoUploads: true})
	require.NoError(t, err)
	handler := ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil })
	_, err = ingest.NewWorker(svc, handler, &ingest.WorkerOptions{HeadOfLine: ingest.Block})
	require.ErrorContains(t, err, "without OrderPerOrganization")
	_, err = ingest.NewWorker(svc, handler, &ingest.WorkerOptions{OrderPerOrganization: true, HeadOfLine: "skip"})
	require.ErrorContains(t, err, `"park" or "block"`)
}

// An older job that comes while a newer one is processed, for example by a redrive, waits
// for its end, and is next.
func TestOrderOfAnOlderJobThatComesLate(t *testing.T) {
	working, goOn := make(chan string, 9), make(chan error)
	c := newCrew(t, jobs.NewMemStore(), ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
		working <- b.Job.ID
		select {
		case err := <-goOn:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}), 1, ingest.WorkerOptions{OrderPerOrganization: true, Concurrency: 2})
	older, newer := c.accept(t, "a", 1), c.accept(t, "a", 1)
	c.wake(older)
	require.Equal(t, older, received(t, working))
	send(t, goOn, ingest.Permanent(errors.New("refused")))
	require.Equal(t, newer, received(t, working), "it is parked")
	_, err := c.door.Redrive(t.Context(), ingest.Caller{OrganizationID: "a"}, older)
	require.NoError(t, err)
	other := c.accept(t, "b", 1)
	c.wake(older, other)
	require.Equal(t, other, received(t, working))
	require.Equal(t, jobs.Accepted, c.get(t, older).State)
	send(t, goOn, nil)
	send(t, goOn, nil)
	require.Equal(t, older, received(t, working))
	send(t, goOn, nil)
	c.waitFor(t, older, completed)
}
