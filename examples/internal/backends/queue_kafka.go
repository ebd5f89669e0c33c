//go:build !nokafka

package backends

import (
	"context"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/kafkaqueue"
)

var kafkaQueue = queueDriver{
	topic: func(ctx context.Context, _ Config, url string) (*pubsub.Topic, *queue.PublisherOptions, error) {
		return kafkaqueue.OpenTopic(ctx, url, nil)
	},
	subscription: func(ctx context.Context, _ Config, url string) (queue.Opener, error) {
		return kafkaqueue.OpenSubscription(ctx, url, nil)
	},
}
