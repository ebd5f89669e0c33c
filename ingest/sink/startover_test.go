package sink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
)

// down fails the job permanently at its nth call, once.
type down struct {
	*sink.Lake
	n     int
	calls int
	keys  map[string]int
}

func (d *down) Handle(ctx context.Context, b *ingest.Batch) error {
	d.keys[b.Key]++
	if d.calls++; d.calls == d.n {
		return ingest.Permanent(errors.New("down"))
	}
	return d.Lake.Handle(ctx, b)
}

// If a lifecycle rule removed the parts of a failed job, its redrive starts over with the
// same batches, and nothing is missing.
func TestLakeRedrivenWithoutParts(t *testing.T) {
	for _, removed := range []string{"staging/", "staging/lake/"} {
		bucket := memblob.OpenBucket(nil)
		t.Cleanup(func() { _ = bucket.Close() })
		l := newLake(t, bucket, nil)
		h := &down{Lake: l, n: 3, keys: map[string]int{}}
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{Bucket: bucket, Handler: h,
			Worker: ingest.WorkerOptions{BatchResources: 1, Concurrency: 1}})
		var file strings.Builder
		for i := range 5 {
			fmt.Fprintf(&file, "{\"resourceType\":\"Patient\",\"id\":\"p%d\"}\n", i)
		}
		id := p.Client.Upload(t, "application/fhir+ndjson", []byte(file.String()))
		job := finish(t, p, id)
		require.Equal(t, jobs.Failed, job.State)
		require.EqualValues(t, 2, job.Progress.Done)
		it := bucket.List(&blob.ListOptions{Prefix: removed})
		for {
			obj, err := it.Next(t.Context())
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.NoError(t, bucket.Delete(t.Context(), obj.Key))
		}
		p.Client.Redrive(t, id)
		job = finish(t, p, id)
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, 2, job.Attempt)
		require.Equal(t, map[string]int64{"Patient": 5}, job.ResourceCounts)
		requireLines(t, bucket, job, []byte(file.String()))
		require.Len(t, h.keys, 5, "the keys of the batches stay the same")
	}
}

// Output that does not add up to what is done is not published.
func TestOutputsMustAddUp(t *testing.T) {
	for name, c := range map[string]struct {
		counts []int64
		state  jobs.State
	}{
		"all":     {[]int64{1, 1, 0}, jobs.Completed},
		"nothing": {[]int64{0, 0}, jobs.Completed},
		"less":    {[]int64{1}, jobs.Failed},
		"more":    {[]int64{3}, jobs.Failed},
	} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: finisher(c.counts)})
		id := p.Client.Upload(t, "application/fhir+ndjson", []byte("{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}\n"))
		job := finish(t, p, id)
		require.Equal(t, c.state, job.State, name)
		if c.state == jobs.Failed {
			require.Equal(t, "outputs-incomplete", job.Failure.Code)
			require.Equal(t, 1, job.Attempt)
			require.Empty(t, job.Outputs)
		}
	}
}

type finisher []int64

func (finisher) Handle(context.Context, *ingest.Batch) error { return nil }
func (f finisher) Finish(context.Context, *jobs.Job) (outputs []jobs.Output, err error) {
	for i, n := range f {
		outputs = append(outputs, jobs.Output{Type: "Patient", Key: fmt.Sprint(i), Count: n})
	}
	return outputs, nil
}
