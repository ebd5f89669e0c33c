package kafkaqueue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/IBM/sarama"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/kafkapubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

// Scheme of the URLs.
const Scheme = kafkapubsub.Scheme

// keyName is the metadata that is the key of a record, and comes back as metadata.
const keyName = "organizationId"

// Options; nil means the defaults.
type Options struct {
	// Configure changes what sarama is configured with, after all of this package's own
	// settings, such as for credentials that are tokens. Default: nothing is changed.
	Configure func(*sarama.Config)
}

// validName is what Kafka takes for a topic, and we for a group.
var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// OpenTopic opens kafka://TOPIC on the brokers of KAFKA_BROKERS, HOST:PORT with commas
// between them, and asks whether the topic is there; none is made. Brokers that can't be
// reached are no error: messages are refused until they can. For the parameters tls and
// sasl, see the package.
//
// The key of a record is the organization, so that all of an organization's are in one
// partition; that needs no options of the Publisher, and they are nil. The topic is the
// caller's to shut down; that closes its connections.
func OpenTopic(ctx context.Context, url string, opts *Options) (*pubsub.Topic, *queue.PublisherOptions, error) {
	u, err := brokerurl.Parse(url, []string{Scheme}, "sasl", "tls")
	if err == nil && (!validName.MatchString(u.Name) || brokerurl.HasUser(url)) {
		err = fmt.Errorf("the URL must be kafka://TOPIC; %s says where the brokers are", brokersVariable)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("kafkaqueue: open topic: %w", err)
	}
	brokers, config, err := configure(u, opts)
	if err == nil {
		err = atStart(ctx, brokers, config, u.Name)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("kafkaqueue: open topic: %w", err)
	}
	topic, err := kafkapubsub.OpenTopic(brokers, config, u.Name, &kafkapubsub.TopicOptions{KeyName: keyName})
	if err != nil {
		return nil, nil, fmt.Errorf("kafkaqueue: open topic: %w", err)
	}
	return topic, nil, nil
}

// OpenSubscription reads kafka://GROUP?topic=TOPIC, asks whether the topic is there, and
// returns the Opener of it. Brokers that can't be reached are no error. The parameter offset says where a group begins that has
// read nothing yet: oldest, the default, or newest, with which a message is lost that
// is sent before its first member has joined. Others are as for a topic.
func OpenSubscription(ctx context.Context, url string, opts *Options) (queue.Opener, error) {
	u, err := brokerurl.Parse(url, []string{Scheme}, "offset", "sasl", "tls", "topic")
	if err == nil && (!validName.MatchString(u.Name) || !validName.MatchString(u.Params.Get("topic")) || brokerurl.HasUser(url)) {
		err = fmt.Errorf("the URL must be kafka://GROUP?topic=TOPIC; %s says where the brokers are", brokersVariable)
	}
	if err != nil {
		return nil, fmt.Errorf("kafkaqueue: open subscription: %w", err)
	}
	brokers, config, err := configure(u, opts)
	if err == nil {
		config.Consumer.Offsets.Initial, err = initial(u)
	}
	if err == nil {
		err = atStart(ctx, brokers, config, u.Params.Get("topic"))
	}
	if err != nil {
		return nil, fmt.Errorf("kafkaqueue: open subscription: %w", err)
	}
	return queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
		// sarama opens it without a request, and so it would count as open.
		if err := check(ctx, brokers, config, u.Params.Get("topic")); err != nil {
			return nil, err
		}
		return kafkapubsub.OpenSubscription(brokers, config, u.Name, []string{u.Params.Get("topic")},
			&kafkapubsub.SubscriptionOptions{KeyName: keyName})
	}), nil
}

func initial(u *brokerurl.URL) (int64, error) {
	switch u.Params.Get("offset") {
	case "", "oldest":
		return sarama.OffsetOldest, nil
	case "newest":
		return sarama.OffsetNewest, nil
	}
	return 0, errors.New(`the parameter "offset" must be oldest or newest`)
}

// atStart is check for a start, which does not wait for brokers that can't be reached.
func atStart(ctx context.Context, brokers []string, config *sarama.Config, topic string) error {
	once := *config
	once.Metadata.Retry.Max = 0
	once.Net.DialTimeout, once.Net.ReadTimeout = outage.StartTimeout, outage.StartTimeout
	err := check(ctx, brokers, &once, topic)
	// A broker that hangs up is there: so it answers TLS or SASL that it does not expect.
	if outage.Unreachable(err) && !errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// check asks the brokers for a topic. sarama knows no contexts; its own times bound how
// long that takes.
func check(ctx context.Context, brokers []string, config *sarama.Config, topic string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	client, err := sarama.NewClient(brokers, config)
	if err != nil {
		return err
	}
	err = client.RefreshMetadata(topic)
	if err != nil && !slices.ContainsFunc([]error{sarama.ErrUnknownTopicOrPartition, sarama.ErrTopicAuthorizationFailed}, func(e error) bool {
		return errors.Is(err, e)
	}) {
		err = fmt.Errorf("ask for the topic: %w", err)
	}
	return errors.Join(err, client.Close())
}
