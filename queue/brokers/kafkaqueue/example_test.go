package kafkaqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/kafkaqueue"
)

// A topic and a group of consumers, on the brokers in KAFKA_BROKERS.
func Example() {
	ctx := context.Background()
	topic, publishing, err := kafkaqueue.OpenTopic(ctx, "kafka://wake-ups", nil)
	if err != nil {
		log.Fatal(err)
	}
	publisher, err := queue.NewPublisher(topic, publishing)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := kafkaqueue.OpenSubscription(ctx, "kafka://workers?topic=wake-ups", nil)
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
