package ingesttest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// named rejects resources without an id, and keeps the other ids.
type named struct {
	once bool
	keys map[string]bool
	ids  []string
}

func (h *named) Handle(_ context.Context, b *ingest.Batch) error {
	seen := h.once && h.keys[b.Key]
	for i, r := range b.Resources {
		switch {
		case r.ID == "":
			b.Reject(i, "required", "A resource needs an id")
		case !seen:
			h.ids = append(h.ids, r.ID)
		}
	}
	if h.keys == nil {
		h.keys = map[string]bool{}
	}
	h.keys[b.Key] = true
	return nil
}

// Unit-test a handler with a batch as a worker makes it, without a pipeline.
func ExampleBatch() {
	t := newT() // in a test: its *testing.T
	defer t.end()

	b := ingesttest.Batch(t, `{"resourceType":"Patient","id":"a"}
{"resourceType":"Observation"}`)
	h := &named{}
	err := h.Handle(t.Context(), b)
	fmt.Println(err, h.ids, b.Rejected()[0].Line, b.Rejected()[0].ResourceType)
	// Output: <nil> [a] 2 Observation
}

func TestBundleBatch(t *testing.T) {
	b := ingesttest.BundleBatch(t, `{"resourceType":"Bundle","type":"transaction","entry":[
		{"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},
		{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}`)
	require.True(t, b.Transaction && b.Whole)
	require.Equal(t, "PUT", b.Resources[0].Method)
	require.NoError(t, new(named).Handle(t.Context(), b))
	require.True(t, b.Aborted())
	require.EqualValues(t, 1, *b.Rejected()[0].Entry)
	require.NotEmpty(t, b.Key)
}

// recorder is a testing.TB that records failures.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// A redelivery detects a handler that repeats its effects.
func TestRedeliver(t *testing.T) {
	const file = `{"resourceType":"Patient","id":"a"}` + "\n" + `{"resourceType":"Patient"}` + "\n"
	for once, want := range map[bool]string{true: "", false: "deduplicate by Batch.Key"} {
		h, r := &named{once: once}, &recorder{TB: t}
		p := ingesttest.NewWithOptions(r, &ingesttest.Options{Handler: h, Redeliver: true, Effects: func() any { return strings.Join(h.ids, " ") }})
		job := p.Wait(t, p.Client.Upload(t, "application/fhir+ndjson", []byte(file)))
		require.Equal(t, jobs.Completed, job.State)
		require.EqualValues(t, 1, job.Progress.Rejected)
		if want == "" {
			require.Empty(t, r.errors)
			continue
		}
		require.Len(t, r.errors, 1)
		require.Contains(t, r.errors[0], want)
	}
	calls, r := 0, &recorder{TB: t}
	p := ingesttest.NewWithOptions(r, &ingesttest.Options{Redeliver: true, Effects: none, Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		if calls++; calls == 1 {
			b.Reject(0, "required", "An id is missing")
		}
		return nil
	})})
	p.Wait(t, p.Client.Upload(t, "application/fhir+ndjson", []byte(file)))
	require.Len(t, r.errors, 1)
	require.Contains(t, r.errors[0], "must reject the same")
}

// none is Options.Effects of a handler without any.
func none() any { return nil }

// fatal is a testing.TB whose Fatal panics.
type fatal struct{ testing.TB }

func (fatal) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Without Effects, a handler that does everything twice would pass.
func TestRedeliverNeedsEffects(t *testing.T) {
	require.PanicsWithValue(t, "Redeliver needs Effects: without them, a handler that does everything twice would pass", func() {
		ingesttest.NewWithOptions(fatal{t}, &ingesttest.Options{Handler: &named{}, Redeliver: true})
	})
}

// The effects of the pipeline's own Sink are known: it gets each batch twice and keeps it
// once.
func TestRedeliverToTheSink(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Redeliver: true})
	p.Wait(t, p.Client.PostBundle(t, []byte(bundle)).JobID)
	require.Len(t, p.Sink.Keys(), 2)
	require.Len(t, p.Sink.Resources(), 2)
}

// keeper keeps something of a job until it ends.
type keeper struct {
	ingest.HandlerFunc
	discarded chan string
}

func (k *keeper) Discard(_ context.Context, job *jobs.Job) error {
	k.discarded <- job.ID
	return nil
}

// With Redeliver, a handler still discards what it kept of a job.
func TestRedeliverDiscards(t *testing.T) {
	k := &keeper{discarded: make(chan string, 1), HandlerFunc: func(_ context.Context, b *ingest.Batch) error {
		b.Reject(0, "required", "Nothing of it is taken")
		return nil
	}}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: k, Redeliver: true, Effects: none})
	id := p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient"}`+"\n"))
	require.Equal(t, jobs.Failed, p.Wait(t, id).State)
	select {
	case got := <-k.discarded:
		require.Equal(t, id, got)
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was discarded")
	}
}

// caller is an Authenticator that takes the organization from a header.
type caller struct{}

func (caller) Authenticate(r *http.Request) (ingest.Caller, error) {
	return ingest.Caller{OrganizationID: r.Header.Get("X-Organization")}, nil
}

func TestOwnAuthenticatorRoutesAndHeaders(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Authenticator: caller{},
		Routes: func(mux *http.ServeMux, svc *ingest.Service) {
			mux.HandleFunc("GET /limits", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, svc.MaxBodyBytes()) })
		},
	})
	p.Client.Header = http.Header{"X-Organization": {"clinic"}}
	job := p.Wait(t, p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"}}]}`)).JobID)
	require.Equal(t, "clinic", job.OrganizationID)
	require.Equal(t, "67108864", string(p.Client.Do(t, "GET", "/limits", "", nil).Body))
}
