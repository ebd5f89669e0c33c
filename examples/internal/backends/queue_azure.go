package backends

import (
	"context"

	"github.com/fhirdock/fhirdock/queue/brokers/azurequeue"
)

func (b *Backends) openAzure(ctx context.Context, c Config) error {
	return b.openBroker(ctx, c, azurequeue.OpenTopic, azurequeue.OpenSubscription)
}
