package natsqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/natsqueue"
)

// A JetStream stream, created if it does not exist.
func Example() {
	ctx := context.Background()
	publisher, err := queue.OpenPublisher(ctx, "nats://localhost:4222/wake-ups?stream=WAKEUPS", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := queue.OpenSubscription(ctx, "nats://localhost:4222/wake-ups?stream=WAKEUPS&consumer=workers", nil)
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
