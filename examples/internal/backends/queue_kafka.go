package backends

import (
	"context"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/kafkaqueue"
)

func (b *Backends) openKafka(ctx context.Context, c Config) error {
	return b.openBroker(ctx, c,
		func(ctx context.Context, url string) (*pubsub.Topic, *queue.PublisherOptions, error) {
			return kafkaqueue.OpenTopic(ctx, url, nil)
		},
		func(ctx context.Context, url string) (queue.Opener, error) {
			return kafkaqueue.OpenSubscription(ctx, url, nil)
		})
}
