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

func init() { queue.DefaultURLMux().Register(kafkapubsub.Scheme, URLOpener{}) }

// keyName is the metadata that is sent and received as the record's key.
const keyName = "organizationId"

// URLOpener opens kafka://TOPIC for sending and kafka://GROUP?topic=TOPIC for receiving, on
// the brokers in KAFKA_BROKERS, a list of HOST:PORT separated by commas. The package
// documentation describes the parameters tls and sasl. Importing this package registers it
// with [queue.DefaultURLMux].
type URLOpener struct {
	// Configure changes sarama's configuration after this package has set its own, for
	// example to authenticate with tokens. Register such an opener with a [queue.URLMux]
	// of your own. Default: no changes.
	Configure func(*sarama.Config)
}

// validName matches the topics that Kafka allows, and the groups that we do.
var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// OpenPublisherURL implements [queue.URLOpener]. The topic must exist. A record's key is the
// organization, so that all of its wake-ups are in one partition.
func (o URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (*queue.Publisher, error) {
	topic, err := o.openTopic(ctx, urlstr)
	if err != nil {
		return nil, fmt.Errorf("kafkaqueue: open topic: %w", err)
	}
	return queue.NewPublisher(topic, nil)
}

func (o URLOpener) openTopic(ctx context.Context, urlstr string) (*pubsub.Topic, error) {
	u, err := brokerurl.Parse(urlstr, []string{kafkapubsub.Scheme}, "sasl", "tls")
	if err != nil {
		return nil, err
	}
	if !validName.MatchString(u.Name) || brokerurl.HasUser(urlstr) {
		return nil, fmt.Errorf("the URL must be kafka://TOPIC; %s lists the brokers", brokersVariable)
	}
	brokers, config, err := configure(u, o.Configure)
	if err != nil {
		return nil, err
	}
	if err := atStart(ctx, brokers, config, u.Name); err != nil {
		return nil, err
	}
	return kafkapubsub.OpenTopic(brokers, config, u.Name, &kafkapubsub.TopicOptions{KeyName: keyName})
}

// OpenSubscriptionURL implements [queue.URLOpener]. The topic must exist. The parameter
// offset is where a new group starts: oldest, the default, or newest, which loses messages
// sent before its first member has joined.
func (o URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (queue.Opener, error) {
	u, err := brokerurl.Parse(urlstr, []string{kafkapubsub.Scheme}, "offset", "sasl", "tls", "topic")
	if err == nil && (!validName.MatchString(u.Name) || !validName.MatchString(u.Params.Get("topic")) || brokerurl.HasUser(urlstr)) {
		err = fmt.Errorf("the URL must be kafka://GROUP?topic=TOPIC; %s lists the brokers", brokersVariable)
	}
	if err != nil {
		return nil, fmt.Errorf("kafkaqueue: open subscription: %w", err)
	}
	brokers, config, err := configure(u, o.Configure)
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
