package ingest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// The upload handler's notifications are accepted whatever the bucket's name; those that
// name another bucket are not.
func TestUploadNotificationsOfAnyBucketName(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Store: must(blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Bucket: "mine"}))})
	id := p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient"}`+"\n"))
	require.Equal(t, jobs.Completed, p.Wait(t, id).State)

	p = ingesttest.NewWithOptions(t, &ingesttest.Options{DropUploadNotifications: true})
	id = p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient"}`+"\n"))
	job, err := p.Jobs.Get(t.Context(), id)
	require.NoError(t, err)
	created := notify.ObjectCreated{Bucket: "another", Key: job.Payload.Key}
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created))
	job, err = p.Jobs.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, jobs.AwaitingUpload, job.State)
	created.Bucket = ""
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created))
	require.Equal(t, jobs.Completed, p.Wait(t, id).State)
}
