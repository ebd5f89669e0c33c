package backends

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/pubsub"
	_ "gocloud.dev/pubsub/mempubsub" // mem://

	"github.com/fhirdock/fhirdock/queue"
)

var errQueue = errors.New("the URL must begin with mem://, rabbit:// or nats://: no other driver is linked in")

func (b *Backends) openQueue(ctx context.Context, c Config) error {
	if c.Topic == "" && c.Subscription == "" {
		topic, subscription := queue.NewLocal(nil)
		b.closeLater(subscription.Shutdown)
		b.closeLater(topic.Shutdown)
		b.Topic, b.Subscription, b.LocalQueue = topic, queue.Static(subscription), true
		return nil
	}
	drivers := map[string]func(context.Context, Config) error{
		"mem": b.openMemory, "rabbit": b.openRabbit, "nats": b.openNATS,
	}
	if c.Subscription != "" && drivers[scheme(c.Subscription)] == nil {
		return fmt.Errorf("open the subscription: %w", errQueue)
	}
	open := drivers[scheme(c.Topic)]
	if open == nil {
		return fmt.Errorf("open the topic: %w", errQueue)
	}
	if c.Subscription != "" && scheme(c.Subscription) != scheme(c.Topic) {
		return errors.New("open the subscription: it must be one of the topic, and their URLs begin differently")
	}
	return open(ctx, c)
}

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
	b.Subscription = queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
		return pubsub.OpenSubscription(ctx, c.Subscription)
	})
	return nil
}
