package ingest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// An attempt whose checkpoint hangs ends with its lease too, not only after the bookkeeping
// timeout.
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

// A change that was stored although it returned an error counts as stored: the job's end is
// reported once, and nothing is retried.
func TestAnEndWhoseAnswerIsLost(t *testing.T) {
	for name, lost := range map[string]error{"failed": errors.New("connection reset"), "made twice": jobs.ErrConflict} {
		t.Run(name, func(t *testing.T) {
			store := &forgetfulStore{Store: jobs.NewMemStore(), of: jobs.Completed, err: lost}
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{Jobs: store})
			id := p.Client.Upload(t, ndjson, numbered(3))
			ended := func(e ingest.Event) bool { return e.Kind == ingest.EventFinished }
			require.Eventually(t, func() bool { return slices.ContainsFunc(p.Events(), ended) }, 5*time.Second, time.Millisecond)
			for _, e := range p.Events() {
				require.NotContains(t, []ingest.EventKind{ingest.EventRetry, ingest.EventLeaseLost}, e.Kind)
			}
			job, err := store.Get(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, jobs.Completed, job.State)
		})
	}
}

// forgetfulStore stores the update to a state and returns an error.
type forgetfulStore struct {
	jobs.Store
	of  jobs.State
	err error
}

func (s *forgetfulStore) Update(ctx context.Context, job *jobs.Job) error {
	given := job.Clone()
	if err := s.Store.Update(ctx, given); err != nil || job.State != s.of {
		job.Revision = given.Revision
		return err
	}
	return s.err
}
