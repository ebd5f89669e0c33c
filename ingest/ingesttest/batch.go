package ingesttest

import (
	"context"
	"slices"
	"testing"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// Batch returns the batch that a worker makes of an NDJSON file, for a unit test of an
// [ingest.Handler]: call Handle with it, then check its effects and
// [ingest.Batch.Rejected]. The test fails if the file is rejected, or too large for one
// batch. The caller owns the batch, which has its own job and key.
func Batch(t testing.TB, ndjson string) *ingest.Batch {
	t.Helper()
	return firstBatch(t, func(p *Pipeline) string {
		return p.Client.Upload(t, "application/fhir+ndjson", []byte(ndjson))
	})
}

// BundleBatch is [Batch] for a Bundle, such as a transaction.
func BundleBatch(t testing.TB, bundle string) *ingest.Batch {
	t.Helper()
	return firstBatch(t, func(p *Pipeline) string { return p.Client.PostBundle(t, []byte(bundle)).JobID })
}

// firstBatch sends a payload through a pipeline and returns its batch.
func firstBatch(t testing.TB, send func(*Pipeline) string) *ingest.Batch {
	t.Helper()
	var batches []*ingest.Batch // of one job, so not concurrent
	p := NewWithOptions(t, &Options{Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		batches = append(batches, clone(b))
		return nil
	})})
	job := p.Wait(t, send(p))
	switch {
	case job.State != jobs.Completed && job.Failure != nil:
		t.Fatalf("the payload's job failed: %s: %s", job.Failure.Code, job.Failure.Message)
	case len(batches) != 1:
		t.Fatalf("the payload has %d batches, not 1", len(batches))
	}
	return batches[0]
}

// clone returns a copy of a batch that shares nothing with it except the job.
func clone(b *ingest.Batch) *ingest.Batch {
	c := *b
	c.Resources = slices.Clone(b.Resources)
	for i := range c.Resources {
		r := &c.Resources[i]
		r.Raw, r.Request = slices.Clone(r.Raw), slices.Clone(r.Request)
	}
	return &c
}
