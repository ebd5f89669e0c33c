package ingesttest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/httpbody"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Token is the bearer token of [Pipeline.Client]'s organization, and OtherToken that of
// another one.
const (
	Token      = "test"
	OtherToken = "other"
	// Organization and OtherOrganization are their ids.
	Organization      = "test-org"
	OtherOrganization = "other-org"
)

// Options of a pipeline; nil, and zero fields, mean the defaults.
type Options struct {
	// Handler of the worker. Default: the pipeline's [Sink], which is unused otherwise.
	Handler ingest.Handler
	// Redeliver hands every batch to the handler twice, as after a crash. The test fails
	// if the second delivery fails, rejects other resources, or changes Effects: a handler
	// must deduplicate by [ingest.Batch.Key]. It also fails if there are no Effects for a
	// Handler that is not a [Sink].
	Redeliver bool
	// Effects returns what the handler has done so far, such as the rows of its table, to
	// be compared by reflect.DeepEqual. Redeliver needs it. Default: the resources that a
	// [Sink] has kept.
	Effects func() any
	// Authenticator of the API. Default: the tokens Token and OtherToken.
	Authenticator auth.Authenticator
	// Routes adds routes of the program under test to the pipeline's server. All other
	// paths go to the API. Default: none.
	Routes func(mux *http.ServeMux, svc *ingest.Service)
	// Bucket. Default: memblob. It is not closed.
	Bucket *blob.Bucket
	// Store, instead of Bucket, for a bucket with a name or a Signer. If it has a Signer,
	// its own service receives uploads, and the pipeline gets no notifications of them;
	// otherwise the pipeline receives them itself. It is not closed.
	Store *blobstore.Store
	// Jobs. Default: [jobs.NewMemStore].
	Jobs jobs.Store
	// Service and Worker options. Service.Now is always the pipeline's Clock;
	// Service.Observe is called in addition to [Pipeline.Events].
	Service ingest.Options
	Worker  ingest.WorkerOptions
	// NoWorker runs no worker, so that jobs stay accepted.
	NoWorker bool
	// Body limits of the API and of uploads. Default: their own.
	Body httpbody.Limits
	// DropUploadNotifications leaves uploads to the sweeper.
	DropUploadNotifications bool
}

// Pipeline is a running pipeline. It ends with the test.
type Pipeline struct {
	// URL of the API, without a trailing slash.
	URL string
	// Client is a client of [Organization].
	Client  *Client
	Service *ingest.Service
	Sweeper *ingest.Sweeper
	Bucket  *blob.Bucket
	Jobs    jobs.Store
	Sink    *Sink
	Clock   *Clock

	mu     sync.Mutex
	events []ingest.Event
	logs   bytes.Buffer
}

// New returns a pipeline with default options.
func New(t testing.TB) *Pipeline {
	t.Helper()
	return NewWithOptions(t, nil)
}

// NewWithOptions returns a pipeline.
func NewWithOptions(t testing.TB, opts *Options) *Pipeline {
	t.Helper()
	var o Options
	if opts != nil {
		o = *opts
	}
	p := &Pipeline{Sink: &Sink{}, Clock: NewClock(), Bucket: o.Bucket, Jobs: o.Jobs}
	switch {
	case o.Store != nil:
		p.Bucket = o.Store.Bucket()
	case p.Bucket == nil:
		p.Bucket = memblob.OpenBucket(nil)
		t.Cleanup(func() { _ = p.Bucket.Close() })
	}
	if p.Jobs == nil {
		p.Jobs = jobs.NewMemStore()
	}
	if o.Handler == nil {
		o.Handler = p.Sink
	}
	if o.Redeliver {
		o.Handler = redelivering(t, o.Handler, o.Effects)
	}

	// The signer's URLs contain the server's address, so the handlers are created after it.
	doors := &doors{}
	server := httptest.NewServer(doors)
	t.Cleanup(server.Close)
	p.URL = server.URL
	base, err := url.Parse(server.URL + objectsPath)
	check(t, err)
	signer, err := signedurl.NewSigner(base, bytes.Repeat([]byte{1}, 32), &signedurl.SignerOptions{Now: p.Clock.Now})
	check(t, err)
	switch {
	case o.Store == nil:
		o.Store, err = blobstore.New(p.Bucket, &blobstore.Options{Signer: signer})
	case o.Store.Signer() == nil:
		o.Store, err = blobstore.New(p.Bucket, &blobstore.Options{Bucket: o.Store.Name(), Signer: signer, S3: o.Store.S3()})
	}
	check(t, err)
	o.Service.Now = p.Clock.Now
	if o.Service.Logger == nil {
		o.Service.Logger = slog.New(slog.NewJSONHandler(logWriter{p}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	o.Service.Observe = p.observing(o.Service.Observe)
	p.open(t, &o)
	doors.open(t, p, signer, &o)
	p.Client = &Client{URL: p.URL, Token: Token, HTTP: server.Client()}
	if !o.NoWorker {
		p.work(t, &o)
	}
	return p
}

// open creates the Service and the Sweeper.
func (p *Pipeline) open(t testing.TB, o *Options) {
	t.Helper()
	topic, subscription, err := queue.NewLocal(nil)
	check(t, err)
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = topic.Shutdown(end)
		_ = subscription.Shutdown(end)
	})
	publisher, err := queue.NewPublisher(topic, nil)
	check(t, err)
	p.Service, err = ingest.New(ingest.Backends{
		Store: o.Store, Publisher: publisher, Subscription: queue.Static(subscription), Jobs: p.Jobs,
	}, &o.Service)
	check(t, err)
	p.Sweeper, err = ingest.NewSweeper(p.Service, &ingest.SweeperOptions{Poke: 100}) // workers poll by the real clock
	check(t, err)
}

// work runs a worker until the test ends.
func (p *Pipeline) work(t testing.TB, o *Options) {
	t.Helper()
	worker, err := ingest.NewWorker(p.Service, o.Handler, &o.Worker)
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("worker: %v", err)
		}
	})
}

// observing records events and passes them on.
func (p *Pipeline) observing(next func(ingest.Event)) func(ingest.Event) {
	return func(e ingest.Event) {
		p.mu.Lock()
		p.events = append(p.events, e)
		p.mu.Unlock()
		if next != nil {
			next(e)
		}
	}
}

type logWriter struct{ p *Pipeline }

func (w logWriter) Write(line []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.p.logs.Write(line)
}

// Logs returns the log so far, as JSON lines; empty if Options.Service has its own Logger.
func (p *Pipeline) Logs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logs.String()
}

// Events returns all events so far.
func (p *Pipeline) Events() []ingest.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]ingest.Event(nil), p.events...)
}

// Advance moves the clock and sweeps once. Moving it by more than
// [ingest.WorkerOptions.Lease] (30 seconds by default) takes every running job from its
// worker: the same batch is redelivered while the handler still has the first one.
func (p *Pipeline) Advance(t testing.TB, d time.Duration) {
	t.Helper()
	p.Clock.Advance(d)
	_, err := p.Sweeper.Sweep(context.Background())
	check(t, err)
}

// Wait waits until a job is finished and returns it. It does not move the clock: a job in
// back-off needs Advance. The test fails after 30 seconds.
func (p *Pipeline) Wait(t testing.TB, id string) *jobs.Job {
	t.Helper()
	return p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State.Finished() })
}

// WaitFor waits until a job is as wanted and returns it. The test fails after 30 seconds. A
// job in back-off waits for the pipeline's clock: use [Pipeline.Advance].
func (p *Pipeline) WaitFor(t testing.TB, id string, wanted func(*jobs.Job) bool) *jobs.Job {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		job, err := p.Jobs.Get(context.Background(), id)
		check(t, err)
		if wanted(job) {
			return job
		}
		select {
		case <-tick.C:
		case <-deadline:
			if job.State == jobs.Accepted && job.Failure != nil {
				t.Fatalf("job %s waits in back-off after attempt %d, failure %+v: use Advance to move the clock", id, job.Attempt, job.Failure)
			}
			t.Fatalf("job %s is still %s, attempt %d, failure %+v", id, job.State, job.Attempt, job.Failure)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
