package sink_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A worker that lost its lease changes nothing if it finishes after the job was redriven
// and completed again.
func TestLakeFinishedByEarlierRun(t *testing.T) {
	for _, whole := range []bool{false, true} {
		bucket := memblob.OpenBucket(nil)
		defer bucket.Close()
		l := newLake(t, bucket, nil)
		was := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", Progress: jobs.Progress{Done: 1}}
		is := &jobs.Job{ID: was.ID, OrganizationID: "org", Run: 1, Progress: jobs.Progress{Done: 1}}
		handle := func(job *jobs.Job) error {
			return l.Handle(t.Context(), &ingest.Batch{Job: job, End: 1, Whole: whole,
				Resources: []ingest.Resource{{Type: "Patient", Raw: []byte(`{"resourceType":"Patient"}`)}}})
		}
		for _, job := range []*jobs.Job{was, is} {
			require.NoError(t, handle(job))
			if whole && job == is {
				require.ErrorContains(t, handle(was), "run 1")
			}
			outputs, err := l.Finish(t.Context(), job)
			require.NoError(t, err)
			require.Len(t, outputs, 1)
		}
		manifest, err := bucket.ReadAll(t.Context(), "processed/org/"+was.ID+"/manifest.json")
		require.NoError(t, err)

		_, err = l.Finish(t.Context(), was)
		require.ErrorContains(t, err, "run 1")
		require.ErrorContains(t, l.Discard(t.Context(), was), "run 1")
		got, err := bucket.ReadAll(t.Context(), "processed/org/"+was.ID+"/manifest.json")
		require.NoError(t, err)
		require.Equal(t, string(manifest), string(got))
		file, err := bucket.ReadAll(t.Context(), "processed/org/"+was.ID+"/Patient.ndjson")
		require.NoError(t, err)
		require.Equal(t, "{\"resourceType\":\"Patient\"}\n", string(file))
	}
}
