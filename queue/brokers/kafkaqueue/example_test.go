package kafkaqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/kafkaqueue"
)

// A topic and a group of consumers, on the brokers in KAFKA_BROKERS.
func Example() {
	ctx := context.Background()
	publisher, err := queue.OpenPublisher(ctx, "kafka://wake-ups", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := queue.OpenSubscription(ctx, "kafka://workers?topic=wake-ups", nil)
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
