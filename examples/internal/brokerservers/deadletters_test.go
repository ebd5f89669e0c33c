package brokerservers_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/awsqueue"
)

// Messages of another service in an SQS queue are acknowledged if their objects are
// adopted. Others end in the dead-letter queue and hold up no wake-up.
func TestForeignMessagesEndAsDeadLetters(t *testing.T) {
	b := brokerservers.Lend(t, brokerservers.SQSDeadLetters)
	publisher, err := queue.OpenPublisher(t.Context(), b.Topic, nil)
	require.NoError(t, err)
	subscription, err := queue.OpenSubscription(t.Context(), b.Topic, nil) // its queue
	require.NoError(t, err)
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	store := jobs.NewMemStore()
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(bucket, nil)),
		Publisher:    publisher,
		Subscription: subscription,
		Jobs:         store,
	}, &ingest.Options{NoUploads: true, Adopt: &ingest.Adoption{Prefix: "incoming/fhir"}, Prefix: "payloads", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	worker, err := ingest.NewWorker(svc, ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil }), nil)
	require.NoError(t, err)

	require.NoError(t, bucket.WriteAll(t.Context(), "incoming/fhir/org9/a.ndjson", []byte(`{"resourceType":"Patient"}`), nil))
	message := `{"jobId": "x", "s3Bucket": "fhirdock", "s3Key": "%s", "organizationId": "org1", "timestamp": "2026-01-01T00:00:00Z"}`
	strangers := []string{fmt.Sprintf(message, "elsewhere/a.ndjson"), "junk"}
	for _, body := range append([]string{fmt.Sprintf(message, "incoming/fhir/org9/a.ndjson")}, strangers...) {
		require.NoError(t, publisher.Topic().Send(t.Context(), &pubsub.Message{Body: []byte(body)}))
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() {
		if err := worker.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	dead, err := queue.OpenSubscription(t.Context(), b.Subscription, nil)
	require.NoError(t, err)
	consumer, err := queue.NewConsumer(dead, &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	bodies := make(chan string, 10)
	running.Go(func() {
		_ = consumer.RunRaw(ctx, func(_ context.Context, m queue.Raw) error {
			bodies <- string(m.Body)
			return nil
		})
	})
	var got []string
	for range strangers {
		select {
		case body := <-bodies:
			got = append(got, body)
		case <-time.After(60 * time.Second):
			require.Fail(t, "no dead letter", "%d came", len(got))
		}
	}
	require.ElementsMatch(t, strangers, got)
	require.Eventually(t, func() bool {
		page, err := store.List(t.Context(), jobs.Query{OrganizationID: "org9"})
		return err == nil && len(page.Jobs) == 1 && page.Jobs[0].State == jobs.Completed
	}, 30*time.Second, 10*time.Millisecond)
}
