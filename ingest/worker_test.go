package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// numbered is NDJSON of n patients with ids p0, p1, …
func numbered(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p%d"}`+"\n", i)
	}
	return b.Bytes()
}

func requireNumbered(t *testing.T, n int, got []ingest.Resource) {
	t.Helper()
	require.Len(t, got, n)
	for i := range got {
		require.Equal(t, fmt.Sprintf("p%d", i), got[i].ID, "in order, each exactly once")
		require.EqualValues(t, i, got[i].Index)
	}
}

func smallBatches() *ingesttest.Options {
	return &ingesttest.Options{Worker: ingest.WorkerOptions{BatchResources: 10}}
}

func TestWorkerHandsOverInBatches(t *testing.T) {
	p := ingesttest.NewWithOptions(t, smallBatches())
	id := p.Client.Upload(t, ndjson, numbered(95))
	job := p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	requireNumbered(t, 95, p.Sink.Resources())
	require.Len(t, p.Sink.Keys(), 10)
	require.Equal(t, jobs.Progress{Done: 95, Offset: job.Payload.Size, Entries: 95, Lines: 95}, job.Progress)
	require.Equal(t, 1, job.Attempt)
}

func TestWorkerContinuesFromTheCheckpoint(t *testing.T) {
	for name, kind := range map[string]string{"NDJSON": "", "Bundle": "collection"} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, smallBatches())
			p.Sink.Fail(nil, nil, errors.New("database away"), nil, errors.New("database away"))
			var id string
			if kind == "" {
				id = p.Client.Upload(t, ndjson, numbered(45))
			} else {
				id = p.Client.PostBundle(t, bundle(kind, 45)).JobID
			}
			for attempt := 1; attempt <= 2; attempt++ {
				job := p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted && j.Attempt == attempt })
				require.True(t, job.NotBefore.After(p.Clock.Now()), "a back-off")
				require.Equal(t, "handler", job.Failure.Code)
				require.NotContains(t, job.Failure.Message, "database", "a handler's error belongs in the log only")
				p.Advance(t, 5*time.Minute)
			}
			job := p.Wait(t, id)
			require.Equal(t, jobs.Completed, job.State)
			require.Equal(t, 3, job.Attempt)
			require.Nil(t, job.Failure)
			got := p.Sink.Resources()
			require.Len(t, got, 45)
			for i := range got {
				require.EqualValues(t, i, got[i].Index)
			}
			keys := p.Sink.Keys()
			require.Len(t, keys, 7)
			require.Equal(t, keys[2], keys[3], "a redelivered batch has the same key")
			require.Equal(t, keys[4], keys[5])
		})
	}
}

func TestWorkerDoesNotSplitBundlesThatMustBeWhole(t *testing.T) {
	for _, kind := range []string{"message", "document", "transaction"} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Worker:  ingest.WorkerOptions{BatchResources: 10},
			Service: ingest.Options{BundleTypes: []string{kind}},
		})
		var whole bool
		p.Sink.Intercept(func(_ context.Context, b *ingest.Batch) error { whole = b.Whole; return nil })
		p.Wait(t, p.Client.PostBundle(t, bundle(kind, 120)).JobID)
		require.True(t, whole, kind)
		require.Len(t, p.Sink.Keys(), 1, kind)
		require.Len(t, p.Sink.Resources(), 120, kind)
	}
}

func TestWorkerHandsOverEntriesUnchanged(t *testing.T) {
	p := ingesttest.New(t)
	body := bundle("transaction", 120)
	p.Wait(t, p.Client.PostBundle(t, body).JobID)
	require.Len(t, p.Sink.Resources(), 120)
	for _, r := range p.Sink.Resources() {
		require.Contains(t, string(body), string(r.Raw))
		require.Equal(t, "POST", r.Method)
		require.Equal(t, r.Type, r.URL)
	}
}

// typed is NDJSON of n resources, each of its own type.
func typed(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"resourceType":"Made%c%c%c"}`+"\n", 'a'+i/676, 'a'+i/26%26, 'a'+i%26)
	}
	return b.Bytes()
}

func TestInventedTypesDoNotGrowTheRecord(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Worker: ingest.WorkerOptions{BatchResources: 300}})
	job := p.Wait(t, p.Client.Upload(t, ndjson, append(typed(2000), typed(10)...)))
	require.Equal(t, jobs.Completed, job.State)
	require.EqualValues(t, 2010, job.Progress.Done)
	require.Equal(t, map[string]int64{"Other": 2010}, job.ResourceCounts)
}

func TestWorkerGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		fail     func() error
		attempts int
		code     string
	}{
		"permanent error":     {func() error { return ingest.Permanent(errors.New("no such ward")) }, 1, "handler"},
		"permanent, own code": {func() error { return &ingest.Failure{Code: "closed", Message: "The ward is closed", Permanent: true} }, 1, "closed"},
		"error each time":     {func() error { return errors.New("away") }, 5, "handler"},
		"panic each time":     {func() error { panic("boom") }, 5, "handler-panic"},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{MaxAttempts: 5}})
			p.Sink.Intercept(func(context.Context, *ingest.Batch) error { return c.fail() })
			id := p.Client.Upload(t, ndjson, numbered(3))
			for attempt := 1; attempt < c.attempts; attempt++ {
				p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted && j.Attempt == attempt })
				p.Advance(t, 10*time.Minute)
			}
			job := p.Wait(t, id)
			require.Equal(t, jobs.Failed, job.State)
			require.Equal(t, c.attempts, job.Attempt)
			require.Equal(t, c.code, job.Failure.Code)
			require.True(t, job.DueAt.IsZero())

			// The process survives, and the job can be redriven.
			p.Sink.Intercept(nil)
			_, err := p.Service.Redrive(t.Context(), caller, id)
			require.NoError(t, err)
			p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Completed })
			requireNumbered(t, 3, p.Sink.Resources())
		})
	}
}

func TestWorkerValidatesAnUploadedBundleBeforeAnyEffect(t *testing.T) {
	good := bundle("collection", 200)
	for name, c := range map[string]struct {
		body []byte
		text string
	}{
		"cut":         {good[:len(good)-1], "Invalid JSON: "},
		"wrong type":  {bundle("searchset", 20), "Unsupported bundle type: searchset"},
		"late fault":  {append(bytes.Clone(good), '{'), "Invalid JSON: "},
		"no resource": {[]byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}},{}]}`), "Entry 1 missing 'resource' field"},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, smallBatches())
			job := p.Wait(t, p.Client.Upload(t, "application/fhir+json", c.body))
			require.Equal(t, jobs.Failed, job.State)
			require.Contains(t, job.Failure.Message, c.text)
			require.NotEmpty(t, ingest.Issues(job.Failure.Issues))
			require.Empty(t, p.Sink.Keys())
		})
	}
}

func TestWorkerListsRejectedResources(t *testing.T) {
	p := ingesttest.NewWithOptions(t, smallBatches())
	p.Sink.Intercept(func(_ context.Context, b *ingest.Batch) error {
		for i, r := range b.Resources {
			if strings.HasSuffix(r.ID, "7") {
				b.Reject(i, "value", "Ends in a seven")
				b.Reject(i, "value", "Ends in a seven") // has no effect
			}
		}
		return nil
	})
	p.Sink.Fail(nil, nil, errors.New("again"))
	lines := bytes.SplitAfter(numbered(50), []byte("\n"))
	lines[25] = []byte("{\"resourceType\":\"Patient\",\n") // cut off in the middle
	lines[30] = []byte("[]\n")
	id := p.Client.Upload(t, ndjson, bytes.Join(lines, nil))
	p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted && j.Attempt == 1 })
	p.Advance(t, time.Minute)
	job := p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	require.EqualValues(t, 7, job.Progress.Rejected)
	require.EqualValues(t, 43, job.Progress.Done)
	require.Equal(t, "outcomes/test-org/"+id+".ndjson", job.OutcomesKey)

	r, err := p.Service.Outcomes(t.Context(), caller, id)
	require.NoError(t, err)
	defer r.Close()
	dec := json.NewDecoder(r)
	var at []int64
	for {
		var o ingest.Outcome
		err := dec.Decode(&o)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.NotEmpty(t, o.Issues)
		at = append(at, o.Line)
	}
	require.ElementsMatch(t, []int64{8, 18, 26, 28, 31, 38, 48}, at, "each line exactly once")
	// They are cleared away once the job is recorded as done.
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(keys(t, p.Bucket), func(key string) bool { return strings.Contains(key, "staging/outcomes") })
	}, 10*time.Second, 5*time.Millisecond, "no part is left")
}

func TestWorkerNeverCompletesATruncatedPayload(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{MaxAttempts: 2}, NoWorker: true})
	id := p.Client.Upload(t, ndjson, numbered(100))
	job := mustGet(t, p, id)
	require.Equal(t, jobs.Accepted, job.State)
	// The object is replaced by a shorter one without the pipeline's knowledge.
	require.NoError(t, p.Bucket.WriteAll(t.Context(), job.Payload.Key, numbered(50), nil))
	p.Clock.Advance(time.Minute)
	startWorker(t, p, p.Sink, nil)
	done := p.Wait(t, id)
	require.Equal(t, jobs.Failed, done.State)
	require.Equal(t, "payload-changed", done.Failure.Code)
	require.Empty(t, p.Sink.Resources())
}

// startWorker runs another worker for the pipeline, on its own queue, which the pipeline's
// sweeper does not feed: tests wake it by hand.
func startWorker(t *testing.T, p *ingesttest.Pipeline, h ingest.Handler, opts *ingest.WorkerOptions) (wake func(id string), stop func()) {
	t.Helper()
	topic, subscription := local(nil)
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(p.Bucket, nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         p.Jobs,
	}, &ingest.Options{NoUploads: true, Now: p.Clock.Now})
	require.NoError(t, err)
	worker, err := ingest.NewWorker(svc, h, opts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	sweeper := newSweeper(t, svc, &ingest.SweeperOptions{Every: 20 * time.Millisecond})
	swept := make(chan error, 1)
	go func() { swept <- sweeper.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, <-swept)
	}
	t.Cleanup(stop)
	pub := must(queue.NewPublisher(topic, nil))
	return func(id string) { require.NoError(t, pub.Publish(t.Context(), queue.Message{JobID: id})) }, stop
}

// A worker that stalls past its lease and comes back changes nothing.
func TestStalledWorkerIsFenced(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	stalled, goOn := make(chan struct{}), make(chan struct{})
	letGoOn := sync.OnceFunc(func() { close(goOn) })
	slow := &ingesttest.Sink{}
	slow.Intercept(func(ctx context.Context, b *ingest.Batch) error {
		if b.Start == 0 {
			close(stalled)
			<-goOn // ignores its context
		}
		return nil
	})
	id := p.Client.Upload(t, ndjson, numbered(30))
	wakeSlow, stopSlow := startWorker(t, p, slow, &ingest.WorkerOptions{BatchResources: 10, Concurrency: 1}) // so that it can't take the job over itself
	t.Cleanup(letGoOn)
	wakeSlow(id)
	<-stalled

	p.Clock.Advance(time.Minute) // the lease ends
	quick := &ingesttest.Sink{}
	startWorker(t, p, quick, &ingest.WorkerOptions{BatchResources: 10})
	job := p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	require.Equal(t, 2, job.Attempt)
	requireNumbered(t, 30, quick.Resources())

	letGoOn()
	stopSlow()
	after := mustGet(t, p, id)
	require.Equal(t, job, after, "the stalled worker changed nothing")
	require.Len(t, slow.Keys(), 1, "it got no further batch")
}

// twiceStore makes the nth update twice, like a client library that retries a request whose
// answer was lost: the caller gets the result of the second try.
type twiceStore struct {
	jobs.Store
	n atomic.Int64
}

func (s *twiceStore) Update(ctx context.Context, job *jobs.Job) error {
	if s.n.Add(-1) == 0 {
		_ = s.Store.Update(ctx, job.Clone())
	}
	return s.Store.Update(ctx, job)
}

// A change of the record that is made twice counts once.
func TestUpdatesThatAreMadeTwice(t *testing.T) {
	for n := int64(2); n <= 6; n++ { // claim, validated, three checkpoints
		store := &twiceStore{Store: jobs.NewMemStore()}
		store.n.Store(n)
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{Jobs: store, Worker: ingest.WorkerOptions{BatchResources: 10}})
		job := p.Wait(t, p.Client.Upload(t, ndjson, numbered(29)))
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, 1, job.Attempt)
		require.EqualValues(t, 29, job.Progress.Done, "update %d", n)
		require.Equal(t, map[string]int64{"Patient": 29}, job.ResourceCounts, "update %d", n)
		requireNumbered(t, 29, p.Sink.Resources())
	}
}

func TestCancelStopsARunningJob(t *testing.T) {
	p := ingesttest.New(t)
	started := make(chan struct{})
	var cause error
	ended := make(chan struct{})
	p.Sink.Intercept(func(ctx context.Context, b *ingest.Batch) error {
		close(started)
		<-ctx.Done()
		cause = context.Cause(ctx)
		close(ended)
		return ctx.Err()
	})
	id := p.Client.Upload(t, ndjson, numbered(3))
	<-started
	asked := time.Now()
	_, err := p.Service.Cancel(t.Context(), caller, id)
	require.NoError(t, err)
	<-ended
	require.Less(t, time.Since(asked), 5*time.Second, "before the lease is extended")
	require.ErrorIs(t, cause, jobs.ErrLeaseLost)
	_, err = p.Service.Cancel(t.Context(), caller, id)
	require.NoError(t, err, "cancelling twice is no error")
	require.Equal(t, jobs.Cancelled, mustGet(t, p, id).State)
	_, err = p.Service.Redrive(t.Context(), caller, id)
	require.ErrorIs(t, err, ingest.ErrState)
}

// hangingStore hangs while it is told to.
type hangingStore struct {
	jobs.Store
	hang atomic.Bool
}

func (s *hangingStore) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if s.hang.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Get(ctx, id)
}

func (s *hangingStore) Update(ctx context.Context, job *jobs.Job) error {
	if s.hang.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Store.Update(ctx, job)
}

// A worker whose store hangs stops when its lease ends: by then another worker may have the
// job.
func TestAStoreThatHangsEndsTheAttemptWithItsLease(t *testing.T) {
	store := &hangingStore{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Jobs: store, Worker: ingest.WorkerOptions{Lease: 600 * time.Millisecond}})
	ended := make(chan error)
	started := make(chan time.Time, 1)
	p.Sink.Intercept(func(ctx context.Context, _ *ingest.Batch) error {
		started <- time.Now()
		select {
		case <-ctx.Done():
			ended <- context.Cause(ctx)
		case <-time.After(5 * time.Second):
			ended <- errors.New("the handler's context was not cancelled")
		}
		return errors.New("ended")
	})
	p.Client.Upload(t, ndjson, numbered(3))
	began := <-started
	store.hang.Store(true)
	require.ErrorIs(t, <-ended, jobs.ErrLeaseLost)
	require.Less(t, time.Since(began), 3*time.Second)
	store.hang.Store(false)
}

func TestRedriveOfACompletedJobRepeatsItsEffects(t *testing.T) {
	p := ingesttest.New(t)
	id := p.Client.Upload(t, ndjson, numbered(3))
	p.Wait(t, id)
	_, err := p.Service.Redrive(t.Context(), caller, id)
	require.NoError(t, err)
	p.WaitFor(t, id, func(j *jobs.Job) bool { return j.Run == 1 && j.State == jobs.Completed })
	require.Len(t, p.Sink.Resources(), 6)
	keys := p.Sink.Keys()
	require.NotEqual(t, keys[0], keys[1])
}

func TestWorkerOfManyJobs(t *testing.T) {
	p := ingesttest.New(t)
	gen := fhirgen.New(nil)
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = p.Client.PostBundle(t, gen.AppendBundle(nil, "collection", 3)).JobID
	}
	for _, id := range ids {
		require.Equal(t, jobs.Completed, p.Wait(t, id).State)
	}
	require.Len(t, p.Sink.Resources(), 300)
}
