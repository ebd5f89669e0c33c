package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// drained stops a worker during the first batch of a job of 30 resources, and returns the
// job as the worker left it.
func drained(t *testing.T, p *ingesttest.Pipeline, opts *ingest.WorkerOptions, handle func(ctx context.Context, stop func()) error) (*ingesttest.Sink, *jobs.Job) {
	t.Helper()
	sink := &ingesttest.Sink{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	sink.Intercept(func(ctx context.Context, b *ingest.Batch) error {
		if b.Start == 0 {
			return handle(ctx, stop)
		}
		return nil
	})
	id := p.Client.Upload(t, ndjson, numbered(30))
	worker, err := ingest.NewWorker(p.Service, sink, opts)
	require.NoError(t, err)
	require.NoError(t, worker.Run(ctx))
	return sink, mustGet(t, p, id)
}

func TestDrainedWorkerEndsItsBatchAndGivesTheJobBack(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	sink, job := drained(t, p, &ingest.WorkerOptions{BatchResources: 10}, func(_ context.Context, stop func()) error { stop(); return nil })
	require.Equal(t, jobs.Accepted, job.State)
	require.Zero(t, job.Attempt, "the attempt was given back")
	require.EqualValues(t, 10, job.Progress.Done, "the running batch was finished, and no other begun")
	require.True(t, job.Ready(p.Clock.Now()), "ready at once")

	// Another worker continues, with the batch borders that the first one fixed.
	rest := &ingesttest.Sink{}
	wake, _ := startWorker(t, p, rest, &ingest.WorkerOptions{BatchResources: 7})
	wake(job.ID)
	require.Equal(t, 1, p.Wait(t, job.ID).Attempt)
	requireNumbered(t, 30, append(sink.Resources(), rest.Resources()...))
	require.Len(t, rest.Keys(), 2)
}

func TestDrainedWorkerCutsABatchThatTakesTooLong(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	opts := &ingest.WorkerOptions{BatchResources: 10, DrainTimeout: 20 * time.Millisecond}
	sink, job := drained(t, p, opts, func(ctx context.Context, stop func()) error {
		stop()
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
			t.Error("the handler's context was not cancelled")
		}
		return ctx.Err()
	})
	require.Equal(t, jobs.Accepted, job.State)
	require.Zero(t, job.Attempt)
	require.Zero(t, job.Progress.Done)
	require.Nil(t, job.Failure)
	rest := &ingesttest.Sink{}
	wake, _ := startWorker(t, p, rest, nil)
	wake(job.ID)
	p.Wait(t, job.ID)
	require.Equal(t, sink.Keys()[0], rest.Keys()[0], "the batch has the same key")
	requireNumbered(t, 30, rest.Resources())
}

// failingUpdate fails the first update that would record progress.
type failingUpdate struct {
	jobs.Store
	failed bool
}

func (f *failingUpdate) Update(ctx context.Context, job *jobs.Job) error {
	if job.Progress.Entries > 0 && !f.failed {
		f.failed = true
		return errors.New("away")
	}
	return f.Store.Update(ctx, job)
}

// Rejections count only if their batch was recorded.
func TestOutcomesOfABatchThatWasNotRecorded(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Jobs: &failingUpdate{Store: jobs.NewMemStore()}, Worker: ingest.WorkerOptions{BatchResources: 10},
	})
	calls := 0
	p.Sink.Intercept(func(_ context.Context, b *ingest.Batch) error {
		if calls++; calls != 2 { // call 2 is the first batch again
			b.Reject(0, "value", fmt.Sprintf("call %d", calls))
		}
		return nil
	})
	id := p.Client.Upload(t, ndjson, numbered(20))
	p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted && j.Attempt == 1 })
	p.Advance(t, time.Minute)
	job := p.Wait(t, id)
	require.EqualValues(t, 1, job.Progress.Rejected)
	r, err := p.Service.Outcomes(t.Context(), caller, id)
	require.NoError(t, err)
	defer r.Close()
	lines, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(lines), "\n"))
	require.Contains(t, string(lines), "call 3")
}
