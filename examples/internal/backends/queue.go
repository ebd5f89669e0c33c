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
		"nats://HOST:PORT/SUBJECT?stream=NAME, on JetStream;\n" +
		"postgres://…?channel=NAME, by NOTIFY, for a handful of workers; or mem://name.\n" +
		"What is not there is an error, but for a fanout exchange and a work-queue stream, which are\n" +
		"made. Credentials are those of the environment"
	SubscriptionHelp = "awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE, of a topic of SNS too;\n" +
		"gcppubsub://projects/PROJECT/subscriptions/SUBSCRIPTION;\n" +
		"azuresb://QUEUE or azuresb://TOPIC?subscription=NAME;\n" +
		"kafka://GROUP?topic=TOPIC; rabbit://QUEUE, a quorum queue if it is not there;\n" +
		"nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME;\n" +
		"postgres://…?channel=NAME, to the primary, not through PgBouncer in transaction mode; or mem://name"
)

// queueDriver is how queues of a kind are opened.
type queueDriver struct {
	open func(b *Backends, ctx context.Context, c Config) error
	// subscription is the kind that is subscribed to, if that is another.
	subscription string
}

// queueDrivers are those that are linked in. A file of its own has each of them, and
// nothing else imports what it needs.
var queueDrivers = map[string]queueDriver{
	"awssns":    {open: (*Backends).openAWS, subscription: "awssqs"},
	"awssqs":    {open: (*Backends).openAWS},
	"azuresb":   {open: (*Backends).openAzure},
	"gcppubsub": {open: (*Backends).openGCP},
	"kafka":     {open: (*Backends).openKafka},
	"mem":       {open: (*Backends).openMemory},
	"nats":      {open: (*Backends).openNATS},
	"postgres":  {open: (*Backends).openNotify},
	"rabbit":    {open: (*Backends).openRabbit},
}

// errQueue says which kinds there are.
func errQueue(drivers map[string]queueDriver) error {
	return fmt.Errorf("the URL must begin with one of %s://: no other driver is linked in",
		strings.Join(slices.Sorted(maps.Keys(drivers)), "://, "))
}

func (b *Backends) openQueue(ctx context.Context, c Config) error {
	if c.Topic == "" && c.Subscription == "" {
		topic, subscription := queue.NewLocal(nil)
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
	if d.subscription == "" {
		d.subscription = kind(c.Topic)
	}
	if c.Subscription != "" && kind(c.Subscription) != d.subscription {
		return fmt.Errorf("open the subscription: it must be one of the topic, and begin with %s://", d.subscription)
	}
	return d.open(b, ctx, c)
}

// kind is the name of the driver of a topic or subscription.
func kind(s string) string {
	if scheme(s) == "postgresql" { // the other name that libpq has for it
		return "postgres"
	}
	return scheme(s)
}

// openBroker opens a queue by the two functions that each package of
// fhirdock/queue/brokers has.
func (b *Backends) openBroker(ctx context.Context, c Config,
	openTopic func(ctx context.Context, url string) (*pubsub.Topic, *queue.PublisherOptions, error),
	openSubscription func(ctx context.Context, url string) (queue.Opener, error),
) error {
	topic, publishing, err := openTopic(ctx, c.Topic)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	b.Topic, b.Publishing = topic, publishing
	b.closeLater(topic.Shutdown)
	if c.Subscription == "" {
		return nil
	}
	if b.Subscription, err = openSubscription(ctx, c.Subscription); err != nil {
		return fmt.Errorf("open the subscription: %w", err)
	}
	return nil
}
