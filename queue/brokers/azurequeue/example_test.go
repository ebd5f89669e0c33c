package azurequeue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/azurequeue"
)

// A topic with a subscription in the namespace in AZURE_SERVICEBUS_HOSTNAME.
func Example() {
	ctx := context.Background()
	topic, publishing, err := azurequeue.OpenTopic(ctx, "azuresb://wake-ups")
	if err != nil {
		log.Fatal(err)
	}
	publisher, err := queue.NewPublisher(topic, publishing)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := azurequeue.OpenSubscription(ctx, "azuresb://wake-ups?subscription=workers")
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
