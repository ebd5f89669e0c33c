package gcpqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/gcpqueue"
)

// The organization is the ordering key.
func Example() {
	ctx := context.Background()
	publisher, err := queue.OpenPublisher(ctx, "gcppubsub://projects/my-project/topics/wake-ups", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := queue.OpenSubscription(ctx, "gcppubsub://projects/my-project/subscriptions/workers", nil)
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
