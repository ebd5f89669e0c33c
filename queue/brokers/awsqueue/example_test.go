package awsqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/awsqueue"
)

// A FIFO queue: the organization is the group, and each wake-up has its own id.
func Example() {
	ctx := context.Background()
	publisher, err := queue.OpenPublisher(ctx, "awssqs://sqs.eu-central-1.amazonaws.com/123456789012/wake-ups.fifo", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := queue.OpenSubscription(ctx, "awssqs://sqs.eu-central-1.amazonaws.com/123456789012/wake-ups.fifo", nil)
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
