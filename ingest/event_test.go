package ingest_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
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
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// eventFields are the fields that each kind of event always sets, and those that it
// sometimes sets, according to the comments of the kinds.
var eventFields = map[ingest.EventKind][2]string{
	ingest.EventAccepted:       {"JobID Source Bytes", "Resources Duration"},
	ingest.EventRefused:        {"Source Code", "Duration"},
	ingest.EventUploadSigned:   {"JobID Source", ""},
	ingest.EventObjectIgnored:  {"Code", "JobID Source"},
	ingest.EventMessageIgnored: {"Code", ""},
	ingest.EventClaimed:        {"JobID Source", ""},
	ingest.EventBatch:          {"JobID Source Bytes Duration", "Resources Rejected"},
	ingest.EventRetry:          {"JobID Source Code", "Duration"},
	ingest.EventRescued:        {"JobID Source", ""},
	ingest.EventLeaseLost:      {"JobID Source", ""},
	ingest.EventWoken:          {"JobID Source", ""},
	ingest.EventUnrecorded:     {"JobID Source Bytes", ""},
	ingest.EventWaiting:        {"JobID Source Code Duration", ""},
	ingest.EventNotWoken:       {"JobID Source Code", ""},
	ingest.EventSubscription:   {"Code", ""},
	ingest.EventRemoved:        {"JobID Code", "Source State"},
	ingest.EventSwept:          {"Code", "Resources Duration"},
	ingest.EventErased:         {"Code", "JobID Resources Bytes"},
	ingest.EventFinished:       {"JobID Source State", "Code Bytes Resources Rejected Duration"},
}

// Each kind of event sets its documented fields and no others.
func TestEventsSetDocumentedFields(t *testing.T) {
	var attempts atomic.Int64
	p := adopting(t, func(o *ingesttest.Options) {
		o.Handler = ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			if attempts.Add(1) == 1 {
				return errors.New("once")
			}
			if len(b.Resources) > 1 {
				b.Reject(0, "test", "Rejected by a test")
			}
			return nil
		})
	})
	receipt := p.Client.PostBundle(t, []byte(small))
	p.WaitFor(t, receipt.JobID, func(j *jobs.Job) bool { return j.Failure != nil })
	for range 10 {
		p.Advance(t, time.Minute)
	}
	p.Wait(t, receipt.JobID)
	p.Wait(t, p.Client.Upload(t, ndjson, patients(3)))
	_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader("{}")})
	require.Error(t, err)
	put(t, p, dropped, ndjson, patients(1))
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
	p.Wait(t, adopted(t, p, ingesttest.Organization)[0].ID)
	for _, key := range []string{receipt.JobID, "drop/x", mustGet(t, p, receipt.JobID).Payload.Key, "incoming/fhir/x"} {
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(key)))
	}
	p.Service.ObjectsIgnored("junk", 2)
	worker, err := ingest.NewWorker(p.Service, p.Sink, nil)
	require.NoError(t, err)
	require.ErrorIs(t, worker.WorkMessage(t.Context(), nil), queue.ErrDeadLetter)
	cancelled := p.Client.Ticket(t, ndjson)
	require.Equal(t, 202, p.Client.Cancel(t, cancelled.UploadID).Status)
	expired := p.Client.Ticket(t, ndjson)
	for range 100 {
		p.Advance(t, time.Minute)
	}
	require.Equal(t, jobs.Expired, mustGet(t, p, expired.UploadID).State)

	silent := adopting(t, func(o *ingesttest.Options) {
		o.Handler = ingest.HandlerFunc(func(ctx context.Context, _ *ingest.Batch) error {
			<-ctx.Done() // until it loses its lease
			return ctx.Err()
		})
		o.Service.MaxAttempts = 1
	})
	stuck := silent.Client.PostBundle(t, []byte(small))
	silent.WaitFor(t, stuck.JobID, func(j *jobs.Job) bool { return j.State == jobs.Processing })
	silent.Advance(t, time.Hour)
	silent.Wait(t, stuck.JobID)
	require.Eventually(t, func() bool {
		byJob, _ := counts(silent, ingest.EventLeaseLost)
		return len(byJob) == 1
	}, 10*time.Second, 2*time.Millisecond)

	waiting := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true}) // a worker would be quicker than the sweeper
	waiting.Client.PostBundle(t, []byte(small))
	waiting.Advance(t, time.Minute)

	seen := map[ingest.EventKind]bool{}
	for _, e := range slices.Concat(p.Events(), silent.Events(), waiting.Events(), brokenEvents(t), removalEvents(t)) {
		fields, ok := eventFields[e.Kind]
		require.True(t, ok, "%+v", e)
		seen[e.Kind] = true
		v := reflect.ValueOf(e)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "Kind" {
				continue
			}
			always := slices.Contains(strings.Fields(fields[0]), name)
			sometimes := slices.Contains(strings.Fields(fields[1]), name)
			require.False(t, always && v.Field(i).IsZero(), "%s is missing: %+v", name, e)
			require.False(t, !always && !sometimes && !v.Field(i).IsZero(), "%s is set: %+v", name, e)
		}
	}
	for kind := range eventFields {
		require.True(t, seen[kind], kind)
	}
	require.ElementsMatch(t, documentedKinds(t), slices.Collect(maps.Keys(eventFields)))
}

// documentedKinds returns the constants of event.go, each of which must have a comment that
// begins with its name.
func documentedKinds(t *testing.T) (kinds []ingest.EventKind) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, parser.ParseComments)
	require.NoError(t, err)
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			c := spec.(*ast.ValueSpec)
			require.True(t, strings.HasPrefix(c.Doc.Text(), c.Names[0].Name+": "), c.Names[0].Name)
			value, err := strconv.Unquote(c.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			kinds = append(kinds, ingest.EventKind(value))
		}
	}
	return kinds
}

// recorder records events.
type recorder struct {
	mu     sync.Mutex
	events []ingest.Event
}

func (r *recorder) observe(e ingest.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) all() []ingest.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// createFails is a store that does not say whether a new job was created.
type createFails struct{ jobs.Store }

func (createFails) Create(context.Context, *jobs.Job) error { return errors.New("no answer") }

// brokenEvents returns the events of a target, a job store and a broker that don't answer.
func brokenEvents(t *testing.T) []ingest.Event {
	t.Helper()
	h := &busy{after: time.Hour}
	waits := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: h})
	waits.WaitFor(t, waits.Client.PostBundle(t, []byte(small)).JobID, waitsAgain(waits, h, 1))

	var seen recorder
	topic, _ := local(nil)
	require.NoError(t, topic.Shutdown(t.Context()))
	opts := &ingest.Options{NoUploads: true, Logger: slog.New(slog.DiscardHandler), Observe: seen.observe}
	back := ingest.Backends{
		Store:        must(blobstore.New(memblob.OpenBucket(nil), nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Jobs:         jobs.NewMemStore(),
		Subscription: queue.Reopen(func(context.Context) (*pubsub.Subscription, error) { return nil, errors.New("away") }),
	}
	svc, err := ingest.New(back, opts)
	require.NoError(t, err)
	_, err = svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	worker, err := ingest.NewWorker(svc, h, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(seen.all(), func(e ingest.Event) bool { return e.Kind == ingest.EventSubscription })
	}, 10*time.Second, 2*time.Millisecond)
	stop()
	require.NoError(t, <-ended)

	back.Jobs = createFails{back.Jobs}
	svc, err = ingest.New(back, opts)
	require.NoError(t, err)
	_, err = svc.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.ErrorIs(t, err, ingest.ErrUnavailable)
	return append(waits.Events(), seen.all()...)
}

// removalEvents returns the events of expired retention and of erasure.
func removalEvents(t *testing.T) []ingest.Event {
	t.Helper()
	var seen recorder
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		a.ended(t, "a", jobs.Completed, nil)
		svc := a.service(t, nil, &ingest.Options{Observe: seen.observe, Retention: &ingest.Retention{Completed: 2 * time.Hour, Payloads: time.Hour, Outcomes: time.Hour, Staging: time.Hour}})
		sweepFor(t, svc, 3*time.Hour)
		job := a.ended(t, "a", jobs.Failed, nil)
		_, err := svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a", JobID: job.ID})
		require.NoError(t, err)
		_, err = svc.Erase(t.Context(), ingest.EraseRequest{OrganizationID: "a"})
		require.NoError(t, err)
	})
	return seen.all()
}
