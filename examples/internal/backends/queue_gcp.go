package backends

import (
	"context"

	"github.com/fhirdock/fhirdock/queue/brokers/gcpqueue"
)

func (b *Backends) openGCP(ctx context.Context, c Config) error {
	return b.openBroker(ctx, c, gcpqueue.OpenTopic, gcpqueue.OpenSubscription)
}
