package sink_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// An interrupted read says nothing about the file: the attempt is retried, and does not
// fail with output-changed.
func TestInterruptedReadBack(t *testing.T) {
	cut := faulttest.Drop
	bucket := faulttest.Bucket(memblob.OpenBucket(nil), func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if c.Kind == faulttest.BucketRead && strings.HasSuffix(c.Key, "/Patient.ndjson") {
			return cut
		}
		return faulttest.None
	})
	defer bucket.Close()
	lake := newLake(t, bucket, nil)
	batch := &ingest.Batch{
		Job: &jobs.Job{ID: jobs.NewID(), OrganizationID: "demo"}, Key: "k", Whole: true,
		Resources: []ingest.Resource{{Type: "Patient", ID: "a", Raw: []byte(`{"resourceType":"Patient","id":"a"}`)}},
	}
	err := lake.Handle(t.Context(), batch)
	require.ErrorContains(t, err, "it ended after 0 of 36 bytes")
	var failure *ingest.Failure
	require.NotErrorAs(t, err, &failure)

	cut = faulttest.None
	require.NoError(t, lake.Handle(t.Context(), batch))
}
