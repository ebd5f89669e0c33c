package rabbitqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/rabbitqueue"
)

// An exchange and a quorum queue on the server in RABBIT_SERVER_URL, declared if missing.
func Example() {
	ctx := context.Background()
	topic, publishing, err := rabbitqueue.OpenTopic(ctx, "rabbit://wake-ups?queue=workers")
	if err != nil {
		log.Fatal(err)
	}
	publisher, err := queue.NewPublisher(topic, publishing)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := rabbitqueue.OpenSubscription(ctx, "rabbit://workers?exchange=wake-ups")
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
