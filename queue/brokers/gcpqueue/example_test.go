package gcpqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/gcpqueue"
)

// The organization is the ordering key.
func Example() {
	ctx := context.Background()
	topic, publishing, err := gcpqueue.OpenTopic(ctx, "gcppubsub://projects/my-project/topics/wake-ups")
	if err != nil {
		log.Fatal(err)
	}
	publisher, err := queue.NewPublisher(topic, publishing)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := gcpqueue.OpenSubscription(ctx, "gcppubsub://projects/my-project/subscriptions/workers")
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
