package ingest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A job whose every batch fails at first needs more attempts than are allowed in a row. It
// is not given up, for each attempt brings it further.
func TestAJobThatGoesOnIsNotGivenUp(t *testing.T) {
	failed := map[string]bool{}
	handler := ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
		if !failed[b.Key] {
			failed[b.Key] = true
			return errors.New("away")
		}
		return nil
	})
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: handler, Service: ingest.Options{MaxAttempts: 2}, Worker: ingest.WorkerOptions{BatchResources: 1, Concurrency: 1},
	})
	const lines = 5
	id := p.Client.Upload(t, ndjson, []byte(strings.Repeat(`{"resourceType":"Patient"}`+"\n", lines)))
	for attempt := 1; attempt <= lines; attempt++ {
		job := p.WaitFor(t, id, func(j *jobs.Job) bool { return j.Attempt == attempt && j.State != jobs.Processing })
		require.Equal(t, jobs.Accepted, job.State, "%+v", job.Failure)
		p.Advance(t, time.Hour)
	}
	job := p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	require.EqualValues(t, lines, job.Progress.Done)
}
