package sink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// consume receives a message like a consumer of the original service.
func consume(t *testing.T, sub *pubsub.Subscription) (body map[string]any, metadata map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := sub.Receive(ctx)
	require.NoError(t, err)
	m.Ack()
	require.NoError(t, json.Unmarshal(m.Body, &body))
	return body, m.Metadata
}

func empty(t *testing.T, sub *pubsub.Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := sub.Receive(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "unexpected message")
}

const tiny = `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`

// A consumer of the original service gets one message for each job, in the original form.
func TestForward(t *testing.T) {
	topic, sub, err := queue.NewLocal(nil)
	require.NoError(t, err)
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	forward, err := sink.NewForward(topic, &sink.ForwardOptions{
		Handler: newLake(t, bucket, nil),
		Metadata: func(key string, m queue.S3Message) map[string]string {
			return map[string]string{"MessageGroupId": m.OrganizationID, "DeduplicationId": key}
		},
	})
	require.NoError(t, err)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: forward, Bucket: bucket})

	receipt := p.Client.PostBundle(t, []byte(tiny))
	body, metadata := consume(t, sub)
	job := p.Wait(t, receipt.JobID)
	require.Equal(t, jobs.Completed, job.State)
	require.Len(t, job.Outputs, 1, "the lake's")
	stamp, ok := body["timestamp"].(string)
	require.True(t, ok)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, stamp)
	require.Equal(t, map[string]any{
		"jobId": receipt.JobID, "s3Bucket": "fhirdock", "s3Key": job.Payload.Key, "organizationId": ingesttest.Organization,
		"organizationName": ingesttest.Organization, "userId": "tester", "timestamp": stamp,
	}, body)
	require.Equal(t, map[string]string{
		"organizationId": ingesttest.Organization, "jobId": receipt.JobID,
		"MessageGroupId": ingesttest.Organization, "DeduplicationId": receipt.JobID + "/0",
	}, metadata)

	upload := p.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient"}`))
	body, metadata = consume(t, sub)
	job = p.Wait(t, upload)
	require.Equal(t, "presigned_upload", body["source"])
	require.EqualValues(t, job.Payload.Size, body["fileSize"])
	require.Equal(t, job.Payload.Key, body["s3Key"])
	require.Equal(t, "presigned_upload", metadata["source"])

	failed := p.Client.Upload(t, "application/fhir+json", []byte(`{"resourceType":"Patient"}`))
	require.Equal(t, jobs.Failed, p.Wait(t, failed).State)
	empty(t, sub)
}

// If the publication was not recorded, it is repeated with the same key.
func TestForwardRepeats(t *testing.T) {
	topic, sub, err := queue.NewLocal(nil)
	require.NoError(t, err)
	var seen atomic.Int32
	forward, err := sink.NewForward(topic, &sink.ForwardOptions{Metadata: func(key string, _ queue.S3Message) map[string]string {
		seen.Add(1)
		return map[string]string{"key": key}
	}})
	require.NoError(t, err)
	store := &forgetful{Store: jobs.NewMemStore()}
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: forward, Jobs: store})
	receipt := p.Client.PostBundle(t, []byte(tiny))
	_, first := consume(t, sub)
	p.WaitFor(t, receipt.JobID, func(j *jobs.Job) bool { return j.State == jobs.Accepted && j.Failure != nil })
	p.Advance(t, time.Hour)
	_, second := consume(t, sub)
	require.EqualValues(t, 2, seen.Load())
	require.Equal(t, first, second)
	require.Equal(t, jobs.Completed, p.Wait(t, receipt.JobID).State)
	empty(t, sub)

	_, err = p.Service.Redrive(t.Context(), ingest.Caller{OrganizationID: ingesttest.Organization}, receipt.JobID)
	require.NoError(t, err)
	_, third := consume(t, sub)
	require.NotEqual(t, first["key"], third["key"], "a redrive of a completed job has another key")
}

// forgetful fails to record the first end of a job.
type forgetful struct {
	jobs.Store
	done atomic.Bool
}

func (s *forgetful) Update(ctx context.Context, j *jobs.Job) error {
	if j.State == jobs.Completed && s.done.CompareAndSwap(false, true) {
		return errors.New("away")
	}
	return s.Store.Update(ctx, j)
}

func TestNewForwardNeedsATopic(t *testing.T) {
	_, err := sink.NewForward(nil, nil)
	require.Error(t, err)
}

// Write to a lake, and publish the message of the original service for its consumers.
func ExampleNewForward() {
	topic, _, err := queue.NewLocal(nil) // on AWS: the queue they read from
	if err != nil {
		panic(err)
	}
	store, err := blobstore.New(memblob.OpenBucket(nil), nil)
	if err != nil {
		panic(err)
	}
	lake, err := sink.NewLake(store, nil)
	if err != nil {
		panic(err)
	}
	handler, err := sink.NewForward(topic, &sink.ForwardOptions{Handler: lake})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%T\n", handler) // for ingest.NewWorker
	// Output: *sink.Forward
}
