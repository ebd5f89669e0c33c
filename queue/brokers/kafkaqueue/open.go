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

// keyName is the metadata that is sent and received as the record's key.
const keyName = "organizationId"

// Options configures [OpenTopic] and [OpenSubscription]. Nil means the defaults.
type Options struct {
	// Configure changes sarama's configuration after this package has set its own, for
	// example to authenticate with tokens. Default: no changes.
	Configure func(*sarama.Config)
}

// validName matches the topics that Kafka allows, and the groups that we do.
var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// OpenTopic opens kafka://TOPIC on the brokers in KAFKA_BROKERS, a list of HOST:PORT
// separated by commas, and checks that the topic exists; it is not created. Unreachable
// brokers are not an error; sending fails until they are back. The package documentation
// describes the parameters tls and sasl.
//
// A record's key is the organization, so that all of its wake-ups are in one partition.
// That needs no options of the Publisher, so they are nil. The caller must shut down the
// topic, which closes its connections.
func OpenTopic(ctx context.Context, url string, opts *Options) (*pubsub.Topic, *queue.PublisherOptions, error) {
	u, err := brokerurl.Parse(url, []string{Scheme}, "sasl", "tls")
	if err == nil && (!validName.MatchString(u.Name) || brokerurl.HasUser(url)) {
		err = fmt.Errorf("the URL must be kafka://TOPIC; %s lists the brokers", brokersVariable)
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

// OpenSubscription checks that the topic of kafka://GROUP?topic=TOPIC exists and returns an
// Opener for it. Unreachable brokers are not an error. The parameter offset is where a new
// group starts: oldest, the default, or newest, which loses messages sent before its first
// member has joined. The other parameters are as for a topic.
func OpenSubscription(ctx context.Context, url string, opts *Options) (queue.Opener, error) {
	u, err := brokerurl.Parse(url, []string{Scheme}, "offset", "sasl", "tls", "topic")
	if err == nil && (!validName.MatchString(u.Name) || !validName.MatchString(u.Params.Get("topic")) || brokerurl.HasUser(url)) {
		err = fmt.Errorf("the URL must be kafka://GROUP?topic=TOPIC; %s lists the brokers", brokersVariable)
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
		// sarama opens it without a request, so it would look open.
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

// atStart runs check once, without retries, and ignores that the brokers are unreachable.
func atStart(ctx context.Context, brokers []string, config *sarama.Config, topic string) error {
	once := *config
	once.Metadata.Retry.Max = 0
	once.Net.DialTimeout, once.Net.ReadTimeout = outage.StartTimeout, outage.StartTimeout
	err := check(ctx, brokers, &once, topic)
	// A broker that hangs up is reachable: it does so on unexpected TLS or SASL.
	if outage.Unreachable(err) && !errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// check asks the brokers for a topic. sarama does not take contexts; its own timeouts bound
// the duration.
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
