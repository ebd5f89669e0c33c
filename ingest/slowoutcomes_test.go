package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A job with many outcomes that fails permanently has its lease's time to publish them, not
// just the time for a record: otherwise it would be processed until it has no attempts
// left, and never show why it failed.
func TestOutcomesOfAFailureHaveTheirTime(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	var written, limited atomic.Int32
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Worker: ingest.WorkerOptions{BatchResources: 1},
		Bucket: faulttest.Bucket(bucket, func(ctx context.Context, c faulttest.Call) faulttest.Fault {
			if strings.HasPrefix(c.Key, "outcomes/") && c.Kind == faulttest.BucketWrite {
				written.Add(1)
				if _, ok := ctx.Deadline(); ok {
					limited.Add(1)
				}
			}
			return faulttest.None
		}),
		Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			if b.Start > 0 {
				return ingest.Permanent(errors.New("not this one"))
			}
			b.Reject(0, "business-rule", "Not this one")
			return nil
		}),
	})
	id := p.Client.Upload(t, "application/fhir+ndjson", numbered(2))
	job := p.Wait(t, id)
	require.Equal(t, jobs.Failed, job.State)
	require.NotEmpty(t, job.OutcomesKey)
	require.EqualValues(t, 1, written.Load())
	require.Zero(t, limited.Load())
}

// stumbling fails its first Discard.
type stumbling struct {
	ingest.HandlerFunc
	discards *atomic.Int32
}

func (h stumbling) Discard(context.Context, *jobs.Job) error {
	if h.discards.Add(1) == 1 {
		return errors.New("not now")
	}
	return nil
}

// A large file whose lines were all rejected fails with that code even if a later attempt
// than the one that handed it over ends it.
func TestNothingTakenOfALargeFileByALaterAttempt(t *testing.T) {
	var discards atomic.Int32
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: stumbling{
		ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), &discards,
	}})
	id := p.Client.Upload(t, "application/fhir+ndjson", bytes.ReplaceAll(threeBlocks(), []byte(`{"resourceType"`), []byte(`"resourceType"`)))
	job := p.WaitFor(t, id, func(j *jobs.Job) bool {
		if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
			p.Advance(t, 10*time.Minute)
		}
		return j.State.Finished()
	})
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, ingest.CodeNothingTaken, job.Failure.Code, job.Failure.Message)
	require.Equal(t, 2, job.Attempt)
	require.NotEmpty(t, job.Failure.Issues)
}
