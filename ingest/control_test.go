package ingest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// overtaken is a store in which someone changes the job after each read.
type overtaken struct {
	jobs.Store
	change func(*jobs.Job)
}

func (o overtaken) Get(ctx context.Context, id string) (*jobs.Job, error) {
	job, err := o.Store.Get(ctx, id)
	if err == nil && o.change != nil {
		next := job.Clone()
		o.change(next)
		if err := o.Update(ctx, next); err != nil {
			return nil, err
		}
	}
	return job, err
}

// If someone changes the job between the check of its organization and the refused change,
// the error names the state that refused it.
func TestErrStateNamesTheCurrentState(t *testing.T) {
	topic, subscription := local(nil)
	defer topic.Shutdown(t.Context())
	defer subscription.Shutdown(t.Context())
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "a", State: jobs.Processing}
	mem := jobs.NewMemStore()
	require.NoError(t, mem.Create(t.Context(), job))
	store := overtaken{Store: mem, change: func(j *jobs.Job) { j.State = jobs.Completed }}
	svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: store}, &ingest.Options{NoUploads: true})
	require.NoError(t, err)
	_, err = svc.Cancel(t.Context(), ingest.Caller{OrganizationID: "a"}, job.ID)
	require.ErrorIs(t, err, ingest.ErrState)
	require.ErrorContains(t, err, "The job is completed,")
}
