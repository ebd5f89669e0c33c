package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/mempubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// s3Message is a message in the predecessor's format: its S3 trigger's without a jobID, its
// webhook's with one.
func s3Message(bucket, key, jobID string) []byte {
	if jobID == "" {
		return fmt.Appendf(nil, `{"jobId": "dump", "s3Bucket": %q, "s3Key": %q, "organizationId": "evil", "fileSize": 12, "source": "presigned_upload", "timestamp": "2030-01-01T00:00:00.000Z"}`, bucket, key)
	}
	return fmt.Appendf(nil, `{"jobId": %q, "s3Bucket": %q, "s3Key": %q, "organizationId": "evil", "organizationName": "Evil", "userId": null, "timestamp": "2030-01-01T00:00:00.123456Z"}`, jobID, bucket, key)
}

// Objects named by messages in the predecessor's format are adopted, once, by their keys.
func TestMessagesOfThePredecessor(t *testing.T) {
	p := adopting(t, func(o *ingesttest.Options) { o.NoWorker = true })
	put(t, p, dropped, ndjson, patients(2))
	// The predecessor's webhook wrote its own job_id, which its message names.
	const hooked, theirs = "drop/other-org/2030/01/01/job-other-or-20300101000000-0a1b2c3d.json", "job-other-or-20300101000000-0a1b2c3d"
	require.NoError(t, p.Bucket.WriteAll(t.Context(), hooked, []byte(small), &blob.WriterOptions{
		ContentType: "application/fhir+json", Metadata: map[string]string{"job_id": theirs, "organization_id": "evil"}}))
	worker, err := ingest.NewWorker(p.Service, p.Sink, nil)
	require.NoError(t, err)
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created(hooked)))
	require.Equal(t, map[string]int{"has_job": 1}, ignoredCodes(p), "its notification alone does not adopt it")
	for range 3 {
		require.NoError(t, worker.WorkMessage(t.Context(), s3Message("fhirdock", dropped, "")))
		require.NoError(t, worker.WorkMessage(t.Context(), s3Message("fhirdock", hooked, theirs)))
	}
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)), "the notification too")
	for organization, resources := range map[string]int64{ingesttest.Organization: 2, ingesttest.OtherOrganization: 1} {
		there := adopted(t, p, organization)
		require.Len(t, there, 1)
		require.Empty(t, there[0].OrganizationName)
		require.NoError(t, worker.Work(t.Context(), there[0].ID))
		job := mustGet(t, p, there[0].ID)
		require.Equal(t, jobs.Completed, job.State)
		require.Equal(t, resources, job.Progress.Done)
	}
	require.Empty(t, adopted(t, p, "evil"))
	_, ignored := counts(p, ingest.EventMessageIgnored)
	require.Empty(t, ignored)
}

// strangers are messages that can't be handled, and the code counted for each.
func strangers() map[string]string {
	wakeUp := `{"jobId":%q,"bucket":"fhirdock","key":"k","organizationId":"o"}`
	return map[string]string{
		string(s3Message("fhirdock", "incoming/fhir/test-org/x.json", "")):    "not_adopted",
		string(s3Message("theirs", dropped, "")):                              "other_bucket",
		string(s3Message("fhirdock", "drop/test-org/gone.ndjson", "")):        "gone",
		string(s3Message("fhirdock", "drop/hooked/a.json", "")):               "has_job",
		string(s3Message("fhirdock", "drop/hooked/a.json", "another")):        "has_job",
		string(s3Message("fhirdock", "drop/ours/a.json", jobs.DerivedID(""))): "has_job",
		"top-secret-payload":           "junk",
		`{"jobId":"job-o-20300101-1"}`: "junk",
		fmt.Sprintf(wakeUp, "job-o-1"): "junk",
	}
}

// Messages that can't be handled are neither lost silently nor processed: they are counted,
// and moved to a dead-letter queue if the broker has one.
func TestMessagesThatCannotBeHandled(t *testing.T) {
	prepare := func(t *testing.T, p *ingesttest.Pipeline) {
		for key, id := range map[string]string{"drop/hooked/a.json": "job-1", "drop/ours/a.json": jobs.DerivedID("")} {
			require.NoError(t, p.Bucket.WriteAll(t.Context(), key, []byte(small), &blob.WriterOptions{Metadata: map[string]string{"job_id": id}}))
		}
	}
	t.Run("by hand", func(t *testing.T) {
		p := adopting(t, func(o *ingesttest.Options) { o.NoWorker = true })
		prepare(t, p)
		worker, err := ingest.NewWorker(p.Service, p.Sink, nil)
		require.NoError(t, err)
		for body, code := range strangers() {
			err := worker.WorkMessage(t.Context(), []byte(body))
			require.ErrorIs(t, err, queue.ErrDeadLetter, code)
			require.ErrorContains(t, err, code)
			require.NotContains(t, err.Error(), "top-secret")
			last := p.Events()[len(p.Events())-1]
			require.Equal(t, ingest.Event{Kind: ingest.EventMessageIgnored, Code: code}, last)
		}
	})
	t.Run("off", func(t *testing.T) {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
		put(t, p, dropped, ndjson, patients(2))
		worker, err := ingest.NewWorker(p.Service, p.Sink, nil)
		require.NoError(t, err)
		require.ErrorIs(t, worker.WorkMessage(t.Context(), s3Message("fhirdock", dropped, "")), queue.ErrDeadLetter)
	})
	t.Run("by a queue", func(t *testing.T) {
		topic := mempubsub.NewTopic()
		sub := mempubsub.NewSubscription(topic, time.Minute)
		defer shutdown(t, topic, sub)
		p := adopting(t, func(o *ingesttest.Options) { o.NoWorker = true })
		prepare(t, p)
		svc, err := ingest.New(ingest.Backends{
			Store:        must(blobstore.New(p.Bucket, nil)),
			Publisher:    must(queue.NewPublisher(topic, nil)),
			Subscription: queue.Static(sub),
			Jobs:         p.Jobs,
		}, &ingest.Options{NoUploads: true, Adopt: &ingest.Adoption{Prefix: "drop"}})
		require.NoError(t, err)
		worker, err := ingest.NewWorker(svc, p.Sink, nil)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- worker.Run(ctx) }()
		for body := range strangers() {
			require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte(body)}))
		}
		put(t, p, dropped, ndjson, patients(2))
		require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: s3Message("fhirdock", dropped, "")}))
		require.Eventually(t, func() bool {
			there := adopted(t, p, ingesttest.Organization)
			return len(there) == 1 && there[0].State == jobs.Completed
		}, 10*time.Second, 2*time.Millisecond)
		stop()
		require.NoError(t, <-done)
	})
}

// While a back end does not answer, messages are given back, not dead-lettered.
func TestMessageWhileABackEndIsAway(t *testing.T) {
	p := adopting(t, func(o *ingesttest.Options) {
		o.NoWorker, o.Jobs = true, &away2{Store: jobs.NewMemStore(), left: 2}
	})
	put(t, p, dropped, ndjson, patients(2))
	worker, err := ingest.NewWorker(p.Service, p.Sink, nil)
	require.NoError(t, err)
	for range 2 {
		err := worker.WorkMessage(t.Context(), s3Message("fhirdock", dropped, ""))
		require.Error(t, err)
		require.NotErrorIs(t, err, queue.ErrDeadLetter)
	}
	require.NoError(t, worker.WorkMessage(t.Context(), s3Message("fhirdock", dropped, "")))
	require.Len(t, adopted(t, p, ingesttest.Organization), 1)
}
