package ingest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

var caller = ingest.Caller{OrganizationID: ingesttest.Organization, OrganizationName: "Test Organization", UserID: "tester"}

const small = `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"p1"}}]}`

func bundle(kind string, entries int) []byte {
	return fhirgen.New(nil).AppendBundle(nil, kind, entries)
}

// keys lists all objects of a bucket.
func keys(t *testing.T, bucket *blob.Bucket) []string {
	t.Helper()
	var keys []string
	it := bucket.List(nil)
	for {
		obj, err := it.Next(t.Context())
		if err == io.EOF {
			return keys
		}
		require.NoError(t, err)
		keys = append(keys, obj.Key)
	}
}

func TestAcceptKeepsPayloadAndRecord(t *testing.T) {
	for name, body := range map[string][]byte{
		"held in memory": []byte(small),
		"streamed":       bundle("transaction", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
			receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: bytes.NewReader(body)})
			require.NoError(t, err)
			job := receipt.Job

			require.Equal(t, jobs.Accepted, job.State)
			require.Equal(t, "incoming/fhir/test-org/2030/01/01/"+job.ID+".json", job.Payload.Key)
			require.EqualValues(t, len(body), job.Payload.Size)
			sum := sha256.Sum256(body)
			require.Equal(t, hex.EncodeToString(sum[:]), job.Payload.SHA256)
			require.Equal(t, "transaction", job.Payload.BundleType)
			require.False(t, job.DueAt.IsZero(), "unfinished jobs have a due time")

			stored, err := p.Bucket.ReadAll(t.Context(), job.Payload.Key)
			require.NoError(t, err)
			require.Equal(t, body, stored)
			attrs, err := p.Bucket.Attributes(t.Context(), job.Payload.Key)
			require.NoError(t, err)
			require.Equal(t, job.ID, attrs.Metadata["job_id"])
			require.Equal(t, caller.OrganizationID, attrs.Metadata["organization_id"])
			if len(body) < 1<<20 {
				require.Equal(t, "transaction", attrs.Metadata["bundle_type"])
				require.Equal(t, "1", attrs.Metadata["entry_count"])
			}
			there, err := p.Jobs.Get(t.Context(), job.ID)
			require.NoError(t, err)
			require.Equal(t, job.ResourceCounts, there.ResourceCounts)
		})
	}
}

func TestAcceptRefusalsStoreNothing(t *testing.T) {
	large := bundle("transaction", 2000)
	require.Greater(t, len(large), 1<<20)
	half := large[:len(large)/2]
	cases := map[string]struct {
		req  ingest.AcceptRequest
		kind error
		text string
	}{
		"empty":          {ingest.AcceptRequest{Body: strings.NewReader("")}, ingest.ErrInvalid, "Request body is empty"},
		"not a Bundle":   {ingest.AcceptRequest{Body: strings.NewReader(`{"resourceType":"Patient"}`)}, ingest.ErrInvalid, "Expected resourceType 'Bundle', got 'Patient'"},
		"broken, large":  {ingest.AcceptRequest{Body: bytes.NewReader(half)}, ingest.ErrInvalid, "Invalid JSON: "},
		"cut, small":     {ingest.AcceptRequest{Body: io.MultiReader(strings.NewReader(small[:50]), iotest.ErrReader(io.ErrUnexpectedEOF))}, ingest.ErrInvalid, "ended before"},
		"cut, large":     {ingest.AcceptRequest{Body: io.MultiReader(bytes.NewReader(half), iotest.ErrReader(io.ErrUnexpectedEOF))}, ingest.ErrInvalid, "ended before"},
		"too large":      {ingest.AcceptRequest{Body: bytes.NewReader(append(bytes.Clone(large), bytes.Repeat([]byte{0x20}, 100)...))}, ingest.ErrTooLarge, "larger than"},
		"promised large": {ingest.AcceptRequest{Body: strings.NewReader(small), ContentLength: 1 << 40}, ingest.ErrTooLarge, "larger than"},
		"encoded":        {ingest.AcceptRequest{Body: strings.NewReader(small), ContentEncoding: "gzip"}, ingest.ErrMediaType, "Content-Encoding"},
		"digest, small":  {ingest.AcceptRequest{Body: strings.NewReader(small), SHA256: strings.Repeat("0", 64)}, ingest.ErrInvalid, "SHA-256"},
		"digest, large":  {ingest.AcceptRequest{Body: bytes.NewReader(large), SHA256: strings.Repeat("0", 64)}, ingest.ErrInvalid, "SHA-256"},
		"no digest":      {ingest.AcceptRequest{Body: strings.NewReader(small), SHA256: "zz"}, ingest.ErrInvalid, "SHA-256"},
		"long key":       {ingest.AcceptRequest{Body: strings.NewReader(small), IdempotencyKey: strings.Repeat("k", 256)}, ingest.ErrInvalid, "Idempotency-Key"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{
				NoWorker: true, Service: ingest.Options{MaxBodyBytes: int64(len(large)) + 10},
			})
			_, err := p.Service.Accept(t.Context(), caller, c.req)
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.text)
			require.Empty(t, keys(t, p.Bucket))
			page, err := p.Jobs.List(t.Context(), jobs.Query{OrganizationID: caller.OrganizationID})
			require.NoError(t, err)
			require.Empty(t, page.Jobs)
		})
	}
}

func TestAcceptEnforcesReadingLimits(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxEntryBytes: len(small), MaxDepth: 4}})
	accept := func(patient string) error {
		body := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + patient + `}]}`
		_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(body)})
		return err
	}
	require.NoError(t, accept(`{"resourceType":"Patient"}`))
	require.ErrorContains(t, accept(`{"resourceType":"Patient","name":[]}`), "4 levels are allowed")
	require.ErrorContains(t, accept(`{"resourceType":"Patient","id":"`+strings.Repeat("x", 100)+`"}`), "longer than the limit")
	require.Len(t, keys(t, p.Bucket), 1)
}

func TestAcceptTakesABodyOfExactlyTheLimit(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{MaxBodyBytes: int64(len(small))}})
	_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
	require.NoError(t, err)
	_, err = p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small + " ")})
	require.ErrorIs(t, err, ingest.ErrTooLarge)
}

func TestAcceptAtEachLevel(t *testing.T) {
	for level, taken := range map[fhirbundle.Level]bool{fhirbundle.LevelLenient: true, fhirbundle.LevelStrict: false} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Service: ingest.Options{Level: level}})
		receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		if taken {
			require.NoError(t, err)
			require.NotEmpty(t, receipt.Warnings, "a transaction without requests gets a warning")
			require.Equal(t, receipt.Warnings, ingest.Issues(receipt.Job.Issues))
		} else {
			require.ErrorIs(t, err, ingest.ErrInvalid)
		}
	}
}

func TestAcceptRepeatsUnderAnIdempotencyKey(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	req := func(body, key string) ingest.AcceptRequest {
		return ingest.AcceptRequest{Body: strings.NewReader(body), IdempotencyKey: key}
	}
	first, err := p.Service.Accept(t.Context(), caller, req(small, "k"))
	require.NoError(t, err)

	again, err := p.Service.Accept(t.Context(), caller, req(small, "k"))
	require.NoError(t, err)
	require.True(t, again.Repeated)
	require.Equal(t, first.Job.ID, again.Job.ID)
	require.Equal(t, first.Warnings, again.Warnings)

	_, err = p.Service.Accept(t.Context(), caller, req(small+" ", "k"))
	require.ErrorIs(t, err, ingest.ErrKeyReused)

	other, err := p.Service.Accept(t.Context(), ingest.Caller{OrganizationID: "another"}, req(small, "k"))
	require.NoError(t, err)
	require.NotEqual(t, first.Job.ID, other.Job.ID, "keys belong to an organization")
	require.Len(t, keys(t, p.Bucket), 2, "repeats leave no objects")
}

// brokenStore fails Create, before or after it is done.
type brokenStore struct {
	jobs.Store
	before, after error
}

func (b *brokenStore) Create(ctx context.Context, job *jobs.Job) error {
	if b.before != nil {
		return b.before
	}
	if err := b.Store.Create(ctx, job); err != nil {
		return err
	}
	return b.after
}

// doublingStore creates a job twice, like a client library that retries a request whose
// answer was lost: the caller gets the result of the second try.
type doublingStore struct{ jobs.Store }

func (d *doublingStore) Create(ctx context.Context, job *jobs.Job) error {
	_ = d.Store.Create(ctx, job.Clone())
	return d.Store.Create(ctx, job)
}

func TestAcceptWithoutStorageIsRefused(t *testing.T) {
	t.Run("bucket", func(t *testing.T) {
		closed := memblob.OpenBucket(nil)
		require.NoError(t, closed.Close())
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Bucket: closed})
		for _, body := range []string{small, string(bundle("batch", 2000))} {
			_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(body)})
			require.ErrorIs(t, err, ingest.ErrUnavailable)
		}
	})
	t.Run("job store", func(t *testing.T) {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Jobs: &brokenStore{Store: jobs.NewMemStore(), before: errors.New("no disk")}})
		_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		require.ErrorIs(t, err, ingest.ErrUnavailable)
		require.Len(t, keys(t, p.Bucket), 1, "the payload stays, since its job may exist")
	})
	t.Run("job store that did it twice", func(t *testing.T) {
		for _, key := range []string{"", "k"} {
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{Jobs: &doublingStore{jobs.NewMemStore()}})
			receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small), IdempotencyKey: key})
			require.NoError(t, err)
			require.False(t, receipt.Repeated)
			require.Equal(t, jobs.Completed, p.Wait(t, receipt.Job.ID).State, "its payload was kept")
			_, err = p.Service.SignUpload(t.Context(), caller, ingest.UploadRequest{})
			require.NoError(t, err)
		}
	})
	t.Run("job store that did it", func(t *testing.T) {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{Jobs: &brokenStore{Store: jobs.NewMemStore(), after: errors.New("time-out")}})
		receipt, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader(small)})
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, p.Wait(t, receipt.Job.ID).State)
	})
}

// A large Content-Length allocates no memory before the body arrives.
func TestContentLengthAllocatesNothing(t *testing.T) {
	p := ingesttest.New(t)
	const senders = 200
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var begun, ended sync.WaitGroup
	end := make(chan struct{})
	begun.Add(senders)
	for range senders {
		ended.Go(func() {
			_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{
				ContentLength: 60 << 20,
				Body:          io.MultiReader(strings.NewReader("{"), waiting{&begun, end}),
			})
			assert.ErrorIs(t, err, ingest.ErrInvalid)
		})
	}
	begun.Wait()
	after := heap()
	close(end)
	ended.Wait()
	require.Less(t, int64(after)-int64(before), int64(senders*128<<10), "bytes of heap")
}

// waiting is a body that blocks until end is closed.
type waiting struct {
	begun *sync.WaitGroup
	end   chan struct{}
}

func (w waiting) Read([]byte) (int, error) {
	w.begun.Done()
	<-w.end
	return 0, io.ErrUnexpectedEOF
}
