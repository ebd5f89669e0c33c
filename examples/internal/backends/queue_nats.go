package backends

import (
	"context"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/natsqueue"
)

var natsQueue = queueDriver{
	topic: func(ctx context.Context, c Config, url string) (*pubsub.Topic, *queue.PublisherOptions, error) {
		return natsqueue.OpenTopic(ctx, url, &natsqueue.Options{Logger: c.Logger})
	},
	subscription: func(ctx context.Context, c Config, url string) (queue.Opener, error) {
		return natsqueue.OpenSubscription(ctx, url, &natsqueue.Options{Logger: c.Logger})
	},
}
