package backends

import (
	"context"
	"fmt"

	"gocloud.dev/pubsub"
	_ "gocloud.dev/pubsub/mempubsub" // mem://

	"github.com/fhirdock/fhirdock/queue"
)

// openMemory opens mem://name twice, in this process.
func (b *Backends) openMemory(ctx context.Context, c Config) error {
	topic, err := pubsub.OpenTopic(ctx, c.Topic)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	b.Topic, b.LocalQueue = topic, true
	b.closeLater(topic.Shutdown)
	if c.Subscription == "" {
		return nil
	}
	b.Subscription, err = memorySubscription(ctx, c, c.Subscription)
	return err
}

func memorySubscription(_ context.Context, _ Config, url string) (queue.Opener, error) {
	return queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
		return pubsub.OpenSubscription(ctx, url)
	}), nil
}
