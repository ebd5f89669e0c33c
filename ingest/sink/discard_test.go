package sink_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// Discard removes the partial output of a cancelled job, but keeps complete files: those of
// the previous run if it was the second.
func TestLakeDiscards(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	l := newLake(t, bucket, nil)
	keys := func() (keys []string) {
		it := bucket.List(&blob.ListOptions{})
		for {
			obj, err := it.Next(t.Context())
			if err == io.EOF {
				return keys
			}
			require.NoError(t, err)
			keys = append(keys, obj.Key)
		}
	}
	handle := func(job *jobs.Job) {
		require.NoError(t, l.Handle(t.Context(), &ingest.Batch{Job: job, End: 1,
			Resources: []ingest.Resource{{Type: "Patient", Raw: []byte(`{"resourceType":"Patient"}`)}}}))
	}
	first := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", Progress: jobs.Progress{Done: 1}}
	handle(first)
	// A Finish that was interrupted before the manifest.
	require.NoError(t, bucket.WriteAll(t.Context(), "processed/org/"+first.ID+"/Patient.ndjson", []byte("{}\n"), nil))
	require.Len(t, keys(), 2)
	require.NoError(t, l.Discard(t.Context(), first))
	require.Empty(t, keys())
	require.NoError(t, l.Discard(t.Context(), first), "it may be called again")

	handle(first)
	_, err := l.Finish(t.Context(), first)
	require.NoError(t, err)
	complete := keys()
	require.Len(t, complete, 2)
	second := &jobs.Job{ID: first.ID, OrganizationID: "org", Run: 1}
	handle(second)
	require.Len(t, keys(), 3)
	require.NoError(t, l.Discard(t.Context(), second))
	require.Equal(t, complete, keys())
}
