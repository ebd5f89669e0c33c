package azurequeue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/azurequeue"
)

// A topic with a subscription in the namespace in AZURE_SERVICEBUS_HOSTNAME.
func Example() {
	ctx := context.Background()
	publisher, err := queue.OpenPublisher(ctx, "azuresb://wake-ups", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := queue.OpenSubscription(ctx, "azuresb://wake-ups?subscription=workers", nil)
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
