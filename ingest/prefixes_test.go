package ingest_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

func keysBelow(ctx context.Context, bucket *blob.Bucket, prefix string) (keys []string) {
	for it := bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := it.Next(ctx)
		if err == io.EOF {
			return keys
		}
		if err != nil {
			panic(err)
		}
		keys = append(keys, o.Key)
	}
}

// Each kind of object is below its configured prefix.
func TestPrefixes(t *testing.T) {
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	var parts []string
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Bucket:  bucket,
		Service: ingest.Options{Prefix: "in", OutcomesPrefix: "rejected", StagingPrefix: "tmp/a"},
		Worker:  ingest.WorkerOptions{BatchResources: 1},
		Handler: ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
			parts = append(parts, keysBelow(ctx, bucket, "tmp/a/outcomes/")...)
			if b.Resources[0].Index < 2 {
				b.Reject(0, "test", "Rejected by a test")
			}
			return nil
		}),
	})
	job := p.Wait(t, p.Client.Upload(t, ndjson, patients(3)))
	require.Equal(t, jobs.Completed, job.State)
	require.NotEmpty(t, parts, "the outcomes of the first batch, while the second is processed")
	require.ElementsMatch(t, []string{job.Payload.Key, job.OutcomesKey}, keysBelow(t.Context(), bucket, ""))
	require.Regexp(t, "^in/", job.Payload.Key)
	require.Regexp(t, "^rejected/", job.OutcomesKey)
}

func TestPrefixesAreChecked(t *testing.T) {
	topic, sub := local(nil)
	defer shutdown(t, topic, sub)
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	for want, o := range map[string]ingest.Options{
		"Options.Prefix":         {Prefix: "/in"},
		"Options.OutcomesPrefix": {OutcomesPrefix: "a b"},
		"Options.StagingPrefix":  {StagingPrefix: "tmp/"},
		`Options.OutcomesPrefix "incoming/fhir/outcomes" overlaps Options.Prefix`: {OutcomesPrefix: "incoming/fhir/outcomes"},
		`Options.Prefix "staging/in" overlaps Options.StagingPrefix`:              {Prefix: "staging/in"},
		`Options.OutcomesPrefix "x" overlaps Options.StagingPrefix`:               {OutcomesPrefix: "x", StagingPrefix: "x/y"},
	} {
		o.NoUploads = true
		_, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &o)
		require.ErrorContains(t, err, want)
	}
}
