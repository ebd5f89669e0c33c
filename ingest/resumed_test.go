package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// finishing is a handler whose first Finish fails.
type finishing struct {
	*ingesttest.Sink
	calls int
	first func(*jobs.Job)
}

func (f *finishing) Finish(_ context.Context, job *jobs.Job) ([]jobs.Output, error) {
	if f.calls++; f.calls == 1 {
		f.first(job)
		return nil, errors.New("away")
	}
	return nil, nil
}

// An attempt at a file that was completely handed over reads nothing of it: S3 answers a
// read from an object's end with 416.
func TestAttemptAfterTheLastBatchReadsNothing(t *testing.T) {
	for name, file := range map[string][]byte{"with a last newline": numbered(30), "without": numbered(30)[:len(numbered(30))-1]} {
		t.Run(name, func(t *testing.T) {
			var p *ingesttest.Pipeline
			h := &finishing{Sink: &ingesttest.Sink{}, first: func(job *jobs.Job) {
				require.NoError(t, p.Bucket.Delete(context.Background(), job.Payload.Key))
			}}
			p = ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: h, Worker: ingest.WorkerOptions{BatchResources: 10}})
			id := p.Client.Upload(t, ndjson, file)
			p.WaitFor(t, id, func(j *jobs.Job) bool { return j.Failure != nil })
			p.Advance(t, 5*time.Minute)
			job := p.Wait(t, id)
			require.Equal(t, jobs.Completed, job.State)
			require.EqualValues(t, 30, job.Progress.Done)
			requireNumbered(t, 30, h.Resources())
		})
	}
}
