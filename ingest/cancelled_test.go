package ingest_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// What was rejected before a job was cancelled can be read behind that: the
// resources beside it have been handed over.
func TestOutcomesOfACancelledJob(t *testing.T) {
	p := ingesttest.NewWithOptions(t, smallBatches())
	reached := make(chan struct{})
	calls := 0
	p.Sink.Intercept(func(ctx context.Context, b *ingest.Batch) error {
		b.Reject(0, "test", "rejected")
		if calls++; calls == 3 {
			close(reached)
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	id := p.Client.Upload(t, ndjson, numbered(100))
	<-reached
	_, err := p.Service.Cancel(t.Context(), caller, id)
	require.NoError(t, err)
	outcomes := func() int {
		r, err := p.Service.Outcomes(t.Context(), caller, id)
		require.NoError(t, err)
		defer r.Close()
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		return strings.Count(string(raw), "\n")
	}
	require.Equal(t, 2, outcomes())
	p.Advance(t, 30*time.Second)
	job := p.WaitFor(t, id, func(j *jobs.Job) bool { return j.DueAt.IsZero() })
	require.Equal(t, jobs.Cancelled, job.State)
	require.EqualValues(t, 2, job.Progress.Rejected)
	require.Equal(t, 2, outcomes())
}
