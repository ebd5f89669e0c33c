package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// An attempt that waits for a checkpoint which never comes ends with its lease too,
// and not only when bookkeeping is given up on.
func TestACheckpointThatHangsEndsWithTheLease(t *testing.T) {
	store := &hangingStore{Store: jobs.NewMemStore()}
	lost := make(chan struct{}, 1)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Jobs: store, Worker: ingest.WorkerOptions{Lease: 600 * time.Millisecond},
		Service: ingest.Options{Observe: func(e ingest.Event) {
			if e.Kind == ingest.EventLeaseLost {
				lost <- struct{}{}
			}
		}},
	})
	p.Sink.Intercept(func(context.Context, *ingest.Batch) error {
		store.hang.Store(true)
		return nil
	})
	p.Client.Upload(t, ndjson, numbered(3))
	defer store.hang.Store(false)
	select {
	case <-lost:
	case <-time.After(5 * time.Second):
		require.Fail(t, "the attempt outlived its lease")
	}
}
