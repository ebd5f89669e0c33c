package ingest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

func countOutcomes(t *testing.T, p *ingesttest.Pipeline, id string) int {
	t.Helper()
	r, err := p.Service.Outcomes(t.Context(), caller, id)
	require.NoError(t, err)
	defer r.Close()
	raw, err := io.ReadAll(r)
	require.NoError(t, err)
	return strings.Count(string(raw), "\n")
}

// A cancelled job frees all space except its payload's, even on a disk that can't be
// written to. Until its lease ends its outcomes can be read.
func TestACancelledJobKeepsNoOutcomes(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	var full bool
	opts := smallBatches()
	opts.Bucket = faulttest.Bucket(bucket, func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if full && c.Kind == faulttest.BucketWrite {
			return faulttest.Before
		}
		return faulttest.None
	})
	p := ingesttest.NewWithOptions(t, opts)
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
	full = true
	_, err := p.Service.Cancel(t.Context(), caller, id)
	require.NoError(t, err)
	require.Equal(t, 2, countOutcomes(t, p, id))
	p.Advance(t, 30*time.Second)
	job := p.WaitFor(t, id, func(j *jobs.Job) bool { return j.DueAt.IsZero() })
	require.Equal(t, jobs.Cancelled, job.State)
	require.EqualValues(t, 2, job.Progress.Rejected)
	require.Zero(t, countOutcomes(t, p, id))
	require.Equal(t, []string{job.Payload.Key}, keysBelow(t.Context(), bucket, ""))
}

// A failed job that is cancelled loses its outcomes file too.
func TestACancelledFailedJobKeepsNoOutcomes(t *testing.T) {
	p := ingesttest.NewWithOptions(t, smallBatches())
	p.Sink.Intercept(func(_ context.Context, b *ingest.Batch) error {
		if b.Start > 0 {
			return ingest.Permanent(errors.New("not this one"))
		}
		b.Reject(0, "test", "rejected")
		return nil
	})
	id := p.Client.Upload(t, ndjson, numbered(100))
	job := p.Wait(t, id)
	require.Equal(t, jobs.Failed, job.State)
	require.NotEmpty(t, job.OutcomesKey)
	require.Equal(t, 1, countOutcomes(t, p, id))
	_, err := p.Service.Cancel(t.Context(), caller, id)
	require.NoError(t, err)
	require.LessOrEqual(t, countOutcomes(t, p, id), 1)
	p.Advance(t, 30*time.Second)
	job = p.WaitFor(t, id, func(j *jobs.Job) bool { return j.DueAt.IsZero() })
	require.Empty(t, job.OutcomesKey)
	require.Zero(t, countOutcomes(t, p, id))
	require.Equal(t, []string{job.Payload.Key}, keysBelow(t.Context(), p.Bucket, ""))
}

// A completed job whose redrive is cancelled keeps the outcomes and outputs of the earlier
// run.
func TestCancelledRedriveKeepsEarlierOutcomes(t *testing.T) {
	p := ingesttest.NewWithOptions(t, smallBatches())
	again := make(chan struct{})
	runs := 0
	p.Sink.Intercept(func(ctx context.Context, b *ingest.Batch) error {
		b.Reject(0, "test", "rejected")
		if b.Start == 0 {
			runs++
		}
		if runs == 2 && b.Start > 0 {
			close(again)
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	id := p.Client.Upload(t, ndjson, numbered(100))
	key := p.Wait(t, id).OutcomesKey
	before, err := p.Bucket.ReadAll(t.Context(), key)
	require.NoError(t, err)
	_, err = p.Service.Redrive(t.Context(), caller, id)
	require.NoError(t, err)
	<-again
	_, err = p.Service.Cancel(t.Context(), caller, id)
	require.NoError(t, err)
	p.Advance(t, 30*time.Second)
	p.WaitFor(t, id, func(j *jobs.Job) bool { return j.DueAt.IsZero() })
	after, err := p.Bucket.ReadAll(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}
