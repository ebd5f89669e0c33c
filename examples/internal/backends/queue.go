package backends

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// TopicHelp and SubscriptionHelp say for flags what [Config.Topic] and
// [Config.Subscription] may be.
const (
	TopicHelp = "awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE, FIFO or not; awssns:///ARN-OF-TOPIC;\n" +
		"gcppubsub://projects/PROJECT/topics/TOPIC;\n" +
		"azuresb://TOPIC-OR-QUEUE, of the namespace in SERVICEBUS_CONNECTION_STRING or\n" +
		"AZURE_SERVICEBUS_HOSTNAME;\n" +
		"kafka://TOPIC, on the brokers in KAFKA_BROKERS;\n" +
		"rabbit://EXCHANGE, on the server that RABBIT_SERVER_URL names, amqp://USER:PASSWORD@HOST;\n" +
		"nats://HOST:PORT/SUBJECT?stream=NAME, or nats+js://, on JetStream;\n" +
		"postgres://…?channel=NAME, by NOTIFY, for a handful of workers; or mem://name.\n" +
		"What is not there is an error, but for a fanout exchange and a work-queue stream, which are\n" +
		"made; a broker that is away is none. Credentials are those of the environment"
	SubscriptionHelp = "awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE, of a topic of SNS too;\n" +
		"gcppubsub://projects/PROJECT/subscriptions/SUBSCRIPTION;\n" +
		"azuresb://QUEUE or azuresb://TOPIC?subscription=NAME;\n" +
		"kafka://GROUP?topic=TOPIC; rabbit://QUEUE, a quorum queue if it is not there;\n" +
		"nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME;\n" +
		"postgres://…?channel=NAME, to the primary, not through PgBouncer in transaction mode; or mem://name"
)

// queueDriver is how the queues of a kind are opened.
type queueDriver struct {
	// topic is nil for a kind that is opened in another way; see openQueue.
	topic        func(ctx context.Context, c Config, url string) (*pubsub.Topic, *queue.PublisherOptions, error)
	subscription func(ctx context.Context, c Config, url string) (queue.Opener, error)
	// of is the kind that is subscribed to, if that is another.
	of string
}

// queueDrivers by the schemes of their URLs. A file of its own has each of them, and
// nothing else imports what it needs.
var queueDrivers = map[string]queueDriver{
	"awssns":    {topic: awsQueue.topic, of: "awssqs"},
	"awssqs":    awsQueue,
	"azuresb":   azureQueue,
	"gcppubsub": gcpQueue,
	"kafka":     kafkaQueue,
	"mem":       {subscription: memorySubscription},
	"nats":      natsQueue,
	"postgres":  {subscription: notifySubscription},
	"rabbit":    rabbitQueue,
}

// errQueue says which kinds there are.
func errQueue(drivers map[string]queueDriver) error {
	return fmt.Errorf("the URL must begin with one of %s://: no other driver is linked in",
		strings.Join(slices.Sorted(maps.Keys(drivers)), "://, "))
}

func (b *Backends) openQueue(ctx context.Context, c Config) error {
	if c.Topic == "" && c.Subscription == "" {
		topic, subscription, err := queue.NewLocal(nil)
		if err != nil {
			return err
		}
		b.closeLater(subscription.Shutdown)
		b.closeLater(topic.Shutdown)
		b.Topic, b.Subscription, b.LocalQueue = topic, queue.Static(subscription), true
		return nil
	}
	if _, ok := queueDrivers[kind(c.Subscription)]; c.Subscription != "" && !ok {
		return fmt.Errorf("open the subscription: %w", errQueue(queueDrivers))
	}
	d, ok := queueDrivers[kind(c.Topic)]
	if !ok {
		return fmt.Errorf("open the topic: %w", errQueue(queueDrivers))
	}
	if d.of == "" {
		d.of = kind(c.Topic)
	}
	if c.Subscription != "" && kind(c.Subscription) != d.of {
		return fmt.Errorf("open the subscription: it must be one of the topic, and begin with %s://", d.of)
	}
	var err error
	switch kind(c.Topic) {
	case "mem":
		return b.openMemory(ctx, c)
	case "postgres":
		return b.openNotify(ctx, c)
	case "rabbit":
		if c, err = bound(c); err != nil {
			return err
		}
	}
	topic, publishing, err := d.topic(ctx, c, c.Topic)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	b.Topic, b.Publishing = topic, publishing
	b.closeLater(topic.Shutdown)
	if c.Subscription == "" {
		return nil
	}
	if b.Subscription, err = queueDrivers[d.of].subscription(ctx, c, c.Subscription); err != nil {
		return fmt.Errorf("open the subscription: %w", err)
	}
	return nil
}

// OpenNotifications opens [Config.Notifications].
func OpenNotifications(ctx context.Context, c Config) (queue.Opener, error) {
	d, ok := queueDrivers[kind(c.Notifications)]
	if !ok || d.subscription == nil {
		return nil, fmt.Errorf("open the queue of notifications: %w", errQueue(queueDrivers))
	}
	opener, err := d.subscription(ctx, c, c.Notifications)
	if err != nil {
		return nil, fmt.Errorf("open the queue of notifications: %w", err)
	}
	return opener, nil
}

// kind is the name of the driver of a topic or subscription.
func kind(s string) string {
	switch name := scheme(s); name {
	case "postgresql": // the other name that libpq has for it
		return "postgres"
	case "nats+js": // says what is meant by the other
		return "nats"
	default:
		return name
	}
}

// plainQueue is a driver of functions that need nothing but the URL.
func plainQueue(
	topic func(ctx context.Context, url string) (*pubsub.Topic, *queue.PublisherOptions, error),
	subscription func(ctx context.Context, url string) (queue.Opener, error),
) queueDriver {
	return queueDriver{
		topic: func(ctx context.Context, _ Config, url string) (*pubsub.Topic, *queue.PublisherOptions, error) {
			return topic(ctx, url)
		},
		subscription: func(ctx context.Context, _ Config, url string) (queue.Opener, error) { return subscription(ctx, url) },
	}
}
