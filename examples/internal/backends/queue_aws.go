package backends

import (
	"context"

	"github.com/fhirdock/fhirdock/queue/brokers/awsqueue"
)

func (b *Backends) openAWS(ctx context.Context, c Config) error {
	return b.openBroker(ctx, c, awsqueue.OpenTopic, awsqueue.OpenSubscription)
}
