package backends

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/pubsub"
	_ "gocloud.dev/pubsub/mempubsub" // mem://

	"github.com/fhirdock/fhirdock/internal/urlmux"
	"github.com/fhirdock/fhirdock/queue"
)

// openQueue opens topic, subscription and notifications.
func (b *Backends) openQueue(ctx context.Context, urls URLs, o *Options) (err error) {
	switch {
	case urls.Topic == "" && urls.Subscription == "":
		err = b.openLocal()
	case urls.Topic == "":
		err = errors.New("open the topic: a subscription needs its topic too")
	case urlmux.Scheme(urls.Topic) == "mem":
		err = b.openMemory(ctx, urls)
	default:
		err = b.openBroker(ctx, urls, o)
	}
	if err != nil || urls.Notifications == "" {
		return err
	}
	if b.Notifications, err = OpenNotifications(ctx, urls.Notifications, o); err != nil {
		return fmt.Errorf("open the queue of notifications: %w", err)
	}
	return nil
}

// openLocal makes a queue in this process.
func (b *Backends) openLocal() error {
	topic, subscription, err := queue.NewLocal(nil)
	if err != nil {
		return err
	}
	b.closeLater(subscription.Shutdown)
	b.LocalQueue, b.Subscription = true, queue.Static(subscription)
	return b.publishTo(topic)
}

func (b *Backends) publishTo(topic *pubsub.Topic) (err error) {
	if b.Publisher, err = queue.NewPublisher(topic, nil); err != nil {
		return err
	}
	b.closeLater(b.Publisher.Shutdown)
	return nil
}

// openMemory opens Go CDK's queue in this process, which tests share by its name.
func (b *Backends) openMemory(ctx context.Context, urls URLs) error {
	if urls.Subscription != "" {
		if urlmux.Scheme(urls.Subscription) != "mem" {
			return errors.New("open the subscription: it must be one of the topic, and begin with mem://")
		}
		b.Subscription = memorySubscription(urls.Subscription)
	}
	topic, err := pubsub.OpenTopic(ctx, urls.Topic)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	b.LocalQueue = true
	return b.publishTo(topic)
}

func memorySubscription(urlstr string) queue.Opener {
	return queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
		return pubsub.OpenSubscription(ctx, urlstr)
	})
}

// openBroker opens a queue that has a driver.
func (b *Backends) openBroker(ctx context.Context, urls URLs, o *Options) error {
	if urls.Subscription != "" {
		same, err := o.Queues.SameBroker(urls.Subscription, urls.Topic)
		if err != nil {
			return fmt.Errorf("open topic and subscription: %w", err)
		}
		if !same {
			return errors.New("open the subscription: it must be of the topic's broker")
		}
	}
	publisher, err := o.Queues.OpenPublisher(ctx, urls.Topic, &queue.OpenOptions{Peer: urls.Subscription, Logger: o.Logger})
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	b.Publisher = publisher
	b.closeLater(publisher.Shutdown)
	if urls.Subscription == "" {
		return nil
	}
	b.Subscription, err = o.Queues.OpenSubscription(ctx, urls.Subscription, &queue.OpenOptions{Peer: urls.Topic, Logger: o.Logger})
	if err != nil {
		return fmt.Errorf("open the subscription: %w", err)
	}
	return nil
}

// OpenNotifications opens a queue of notifications alone, for a program that makes its own
// [ingest.Listener].
func OpenNotifications(ctx context.Context, urlstr string, opts *Options) (queue.Opener, error) {
	if urlmux.Scheme(urlstr) == "mem" {
		return memorySubscription(urlstr), nil
	}
	o := opts.withDefaults()
	return o.Queues.OpenSubscription(ctx, urlstr, &queue.OpenOptions{Logger: o.Logger})
}
