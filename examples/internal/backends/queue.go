package backends

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/pubsub"
	_ "gocloud.dev/pubsub/mempubsub" // mem://

	"github.com/fhirdock/fhirdock/queue"
)

var errQueue = errors.New("the URL must begin with mem://, rabbit://, nats:// or postgres://: no other driver is linked in")

func (b *Backends) openQueue(ctx context.Context, c Config) error {
	if c.Topic == "" && c.Subscription == "" {
		topic, subscription := queue.NewLocal(nil)
		b.closeLater(subscription.Shutdown)
		b.closeLater(topic.Shutdown)
		b.Topic, b.Subscription, b.LocalQueue = topic, queue.Static(subscription), true
		return nil
	}
	drivers := map[string]func(context.Context, Config) error{
		"mem": b.openMemory, "rabbit": b.openRabbit, "nats": b.openNATS, "postgres": b.openNotify,
	}
	if c.Subscription != "" && drivers[kind(c.Subscription)] == nil {
		return fmt.Errorf("open the subscription: %w", errQueue)
	}
	open := drivers[kind(c.Topic)]
	if open == nil {
		return fmt.Errorf("open the topic: %w", errQueue)
	}
	if c.Subscription != "" && kind(c.Subscription) != kind(c.Topic) {
		return errors.New("open the subscription: it must be one of the topic, and their URLs begin differently")
	}
	return open(ctx, c)
}

// kind is the name of the driver of a topic or subscription.
func kind(s string) string {
	if scheme(s) == "postgresql" { // the other name that libpq has for it
		return "postgres"
	}
	return scheme(s)
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
