package rabbitqueue_test

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
	_ "github.com/fhirdock/fhirdock/queue/brokers/rabbitqueue"
)

// An exchange and a quorum queue on the server in RABBIT_SERVER_URL, declared if missing.
func Example() {
	ctx := context.Background()
	publisher, err := queue.OpenPublisher(ctx, "rabbit://wake-ups?queue=workers", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Shutdown(ctx)
	wakeUps, err := queue.OpenSubscription(ctx, "rabbit://workers?exchange=wake-ups", nil)
	if err != nil {
		log.Fatal(err)
	}
	// Set Store and Jobs too. A process that only accepts needs no Subscription.
	_ = ingest.Backends{Publisher: publisher, Subscription: wakeUps}
}
