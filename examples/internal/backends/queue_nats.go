package backends

import (
	"context"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/natsqueue"
)

func (b *Backends) openNATS(ctx context.Context, c Config) error {
	opts := &natsqueue.Options{Logger: c.Logger}
	return b.openBroker(ctx, c,
		func(ctx context.Context, url string) (*pubsub.Topic, *queue.PublisherOptions, error) {
			return natsqueue.OpenTopic(ctx, url, opts)
		},
		func(ctx context.Context, url string) (queue.Opener, error) {
			return natsqueue.OpenSubscription(ctx, url, opts)
		})
}
