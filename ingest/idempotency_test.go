package ingest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// under returns a request with an idempotency key.
func under(key, body string) ingest.AcceptRequest {
	return ingest.AcceptRequest{Body: strings.NewReader(body), IdempotencyKey: key}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// held returns a body that blocks at its end until it is let go.
func held(body string) (r io.Reader, reached <-chan struct{}, letGo func(error)) {
	at, let := make(chan struct{}), make(chan error, 1)
	return io.MultiReader(strings.NewReader(body), heldEnd{at, let}), at, func(err error) { let <- err }
}

type heldEnd struct {
	at  chan struct{}
	let chan error
}

func (h heldEnd) Read([]byte) (int, error) {
	close(h.at)
	return 0, <-h.let
}

func TestAKeyIsHeldDuringItsRequest(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	first := make(chan error, 1)
	body, reached, letGo := held(small)
	begin := func() {
		_, err := p.Service.Accept(context.Background(), caller, ingest.AcceptRequest{Body: body, IdempotencyKey: "k"})
		first <- err
	}
	go begin()
	<-reached
	_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: unread{t}, IdempotencyKey: "k"})
	require.ErrorIs(t, err, ingest.ErrInFlight)
	// Other keys are free, and so is the same key of other callers.
	for name, who := range map[string]ingest.Caller{"other": caller, "k": {OrganizationID: "another"}} {
		_, err = p.Service.Accept(t.Context(), who, under(name, small))
		require.NoError(t, err)
	}
	scoped := under("k", small)
	scoped.KeyScope = "lab"
	_, err = p.Service.Accept(t.Context(), caller, scoped)
	require.NoError(t, err)
	_, err = p.Service.SignUpload(t.Context(), caller, ingest.UploadRequest{IdempotencyKey: "k"})
	require.NoError(t, err, "another route")

	// A refused request leaves the key free.
	letGo(io.ErrUnexpectedEOF)
	require.ErrorIs(t, <-first, ingest.ErrInvalid)
	body, reached, letGo = held(small)
	go begin()
	<-reached
	letGo(io.EOF)
	require.NoError(t, <-first)
	again, err := p.Service.Accept(t.Context(), caller, under("k", small))
	require.NoError(t, err)
	require.True(t, again.Repeated)
	require.Len(t, keys(t, p.Bucket), 4)
}

// slowCreate blocks before the first job is created.
type slowCreate struct {
	jobs.Store
	first   *sync.Once
	at, let chan struct{}
}

func (s slowCreate) Create(ctx context.Context, job *jobs.Job) error {
	s.first.Do(func() {
		close(s.at)
		<-s.let
	})
	return s.Store.Create(ctx, job)
}

func TestAKeyOfAnUploadIsHeldToo(t *testing.T) {
	store := slowCreate{jobs.NewMemStore(), new(sync.Once), make(chan struct{}), make(chan struct{})}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	done := make(chan error, 1)
	go func() {
		_, err := p.Service.SignUpload(context.Background(), caller, ingest.UploadRequest{IdempotencyKey: "k"})
		done <- err
	}()
	<-store.at
	_, err := p.Service.SignUpload(t.Context(), caller, ingest.UploadRequest{IdempotencyKey: "k"})
	require.ErrorIs(t, err, ingest.ErrInFlight)
	close(store.let)
	require.NoError(t, <-done)
}

func TestRepeatsWriteNothing(t *testing.T) {
	large := string(bundle("collection", 2000))
	for name, body := range map[string]string{"held in memory": small, "streamed": large} {
		t.Run(name, func(t *testing.T) {
			d, bucket := newDecorated(t)
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Bucket: bucket})
			first, err := p.Service.Accept(t.Context(), caller, under("k", body))
			require.NoError(t, err)
			writes := d.writes.Load()
			for range 3 {
				again, err := p.Service.Accept(t.Context(), caller, under("k", body))
				require.NoError(t, err)
				require.True(t, again.Repeated)
				require.Equal(t, first.Job.ID, again.Job.ID)
			}
			_, err = p.Service.Accept(t.Context(), caller, under("k", body[1:]))
			require.ErrorIs(t, err, ingest.ErrKeyReused, "the earlier payload was valid, so this is another")
			_, err = p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{
				Body: io.MultiReader(strings.NewReader(body[:50]), heldEnd{make(chan struct{}), closedWith(io.ErrUnexpectedEOF)}), IdempotencyKey: "k",
			})
			require.ErrorIs(t, err, ingest.ErrInvalid, "an incomplete body is not another payload")
			require.Equal(t, writes, d.writes.Load())
			require.Len(t, keys(t, bucket), 1)
		})
	}
}

func closedWith(err error) chan error {
	c := make(chan error, 1)
	c <- err
	return c
}

// A body that can't be the earlier payload is not read.
func TestRepeatsThatDifferAreNotRead(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	_, err := p.Service.Accept(t.Context(), caller, under("k", small))
	require.NoError(t, err)
	for name, req := range map[string]ingest.AcceptRequest{
		"length": {ContentLength: int64(len(small)) + 1},
		"digest": {SHA256: strings.Repeat("0", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			req.Body, req.IdempotencyKey = unread{t}, "k"
			_, err := p.Service.Accept(t.Context(), caller, req)
			require.ErrorIs(t, err, ingest.ErrKeyReused)
		})
	}
	long := strings.NewReader(small + strings.Repeat(" ", 1<<20))
	_, err = p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: long, IdempotencyKey: "k"})
	require.ErrorIs(t, err, ingest.ErrKeyReused)
	require.Greater(t, long.Len(), 1<<19, "it was not read to its end")
}

// The same bytes for another version of FHIR are validated by other rules.
func TestTheVersionIsPartOfTheFingerprint(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	post := func(contentType string) error {
		req := under("k", small)
		req.ContentType = contentType
		_, err := p.Service.Accept(t.Context(), caller, req)
		return err
	}
	require.NoError(t, post("application/fhir+json; fhirVersion=5.0"))
	require.NoError(t, post("application/json; charset=utf-8; fhirVersion=5.0"), "the media type does not matter")
	require.ErrorIs(t, post("application/fhir+json; fhirVersion=4.0"), ingest.ErrKeyReused)
	require.ErrorIs(t, post("application/fhir+json"), ingest.ErrKeyReused)
}

// A key belongs to its job as long as the record is kept, whatever the job's state.
func TestRepeatsOfFinishedJobs(t *testing.T) {
	for name, end := range map[string]func(p *ingesttest.Pipeline, id string){
		"completed": func(p *ingesttest.Pipeline, id string) { p.Wait(t, id) },
		"failed": func(p *ingesttest.Pipeline, id string) {
			require.Equal(t, jobs.Failed, p.Wait(t, id).State)
		},
		"cancelled": func(p *ingesttest.Pipeline, id string) {
			_, err := p.Service.Cancel(t.Context(), caller, id)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: name == "cancelled"})
			if name == "failed" {
				p.Sink.Fail(ingest.Permanent(errors.New("no")))
			}
			first, err := p.Service.Accept(t.Context(), caller, under("k", small))
			require.NoError(t, err)
			end(p, first.Job.ID)
			handled := len(p.Sink.Keys())
			again, err := p.Service.Accept(t.Context(), caller, under("k", small))
			require.NoError(t, err)
			require.Equal(t, first.Job.ID, again.Job.ID)
			require.Equal(t, first.Job.CreatedAt, again.Job.CreatedAt)
			require.Equal(t, first.Warnings, again.Warnings)
			require.Len(t, p.Sink.Keys(), handled, "it is not processed again")
		})
	}
}

func TestAStoreThatFailsToFindAnEarlierJob(t *testing.T) {
	store := &hangingStore{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: store})
	store.hang.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Service.Accept(ctx, caller, ingest.AcceptRequest{Body: unread{t}, IdempotencyKey: "k"})
	require.ErrorIs(t, err, ingest.ErrUnavailable)
}
