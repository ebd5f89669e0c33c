package azurequeue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

// Scheme of the URLs, Go CDK's.
const Scheme = "azuresb"

// The variables that say where the namespace is, as Go CDK has them. The first goes
// before the second.
const (
	connectionString = "SERVICEBUS_CONNECTION_STRING"
	hostname         = "AZURE_SERVICEBUS_HOSTNAME"
)

// checkTimeout is how long the service may take to say that an entity is there.
const checkTimeout = 20 * time.Second

// OpenTopic opens azuresb://NAME, a topic or a queue of the namespace that
// SERVICEBUS_CONNECTION_STRING or AZURE_SERVICEBUS_HOSTNAME names, and asks whether it
// is there. With the second, credentials are those that the Azure SDK finds. A namespace
// that can't be reached is no error: messages are refused until it can.
//
// The options are for [queue.NewPublisher]: they give each wake-up an id of its own
// and its organization as session and partition key. The topic is the caller's to shut
// down; that closes its connection.
func OpenTopic(ctx context.Context, url string) (*pubsub.Topic, *queue.PublisherOptions, error) {
	u, err := brokerurl.Parse(url, []string{Scheme})
	if err == nil {
		err = named(u, url)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("azurequeue: open topic: %w", err)
	}
	client, err := newClient()
	if err != nil {
		return nil, nil, fmt.Errorf("azurequeue: open topic: %w", err)
	}
	t, err := newTopic(ctx, client, u.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("azurequeue: open topic: %w", errors.Join(err, closeClient(client)))
	}
	return pubsub.NewTopic(t, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 100}), &queue.PublisherOptions{BeforeSend: address}, nil
}

// OpenSubscription reads azuresb://QUEUE or azuresb://TOPIC?subscription=NAME, asks
// whether it is there, and returns the Opener of it. A namespace that can't be reached is
// no error. Its other parameter is nacklazy: whether what is given back comes when its lock ends, and not at once. Default true:
// at once, it would be dead after MaxDeliveryCount of times that pass in seconds.
//
// One message is taken at a time, since its lock is not renewed.
func OpenSubscription(ctx context.Context, url string) (queue.Opener, error) {
	u, err := brokerurl.Parse(url, []string{Scheme}, "nacklazy", "subscription")
	if err == nil {
		err = named(u, url)
	}
	if err != nil {
		return nil, fmt.Errorf("azurequeue: open subscription: %w", err)
	}
	lazy, err := u.Bool("nacklazy", true)
	if err != nil {
		return nil, fmt.Errorf("azurequeue: open subscription: %w", err)
	}
	open := func(ctx context.Context) (*subscription, error) {
		client, err := newClient()
		if err != nil {
			return nil, err
		}
		s, err := newSubscription(ctx, client, u.Name, u.Params.Get("subscription"), lazy)
		if err != nil {
			return nil, errors.Join(err, closeClient(client))
		}
		return s, nil
	}
	start, cancel := context.WithTimeout(ctx, outage.StartTimeout)
	defer cancel()
	first, err := open(start) // to see whether it is there
	if err == nil {
		err = first.Close()
	}
	if err != nil && !away(err) {
		return nil, fmt.Errorf("azurequeue: open subscription: %w", err)
	}
	one := &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1}
	return queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
		s, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return pubsub.NewSubscription(s, one, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 100}), nil
	}), nil
}

func named(u *brokerurl.URL, raw string) error {
	if u.Name == "" || brokerurl.HasUser(raw) {
		return fmt.Errorf("the URL must be azuresb:// and the name of a topic or queue; %s or %s say of which namespace", connectionString, hostname)
	}
	return nil
}

// newClient has a client of the namespace that the environment names. It connects
// once it is used.
func newClient() (*azservicebus.Client, error) {
	opts := &azservicebus.ClientOptions{
		ApplicationID: "fhirdock",
		// By default the first pause alone is longer than a wake-up waits to be sent.
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 3, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 5 * time.Second},
	}
	if s := os.Getenv(connectionString); s != "" {
		client, err := azservicebus.NewClientFromConnectionString(s, opts)
		if err != nil { // which may quote the key
			return nil, fmt.Errorf("%s must be Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=NAME;SharedAccessKey=KEY", connectionString)
		}
		return client, nil
	}
	host := os.Getenv(hostname)
	if host == "" {
		return nil, fmt.Errorf("%s or %s must say where the namespace is", connectionString, hostname)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return azservicebus.NewClient(host, credential, opts)
}

// away reports whether the namespace can't be reached just now.
func away(err error) bool {
	e, ok := errors.AsType[*azservicebus.Error](err)
	return ok && (e.Code == azservicebus.CodeConnectionLost || e.Code == azservicebus.CodeTimeout) || outage.Unreachable(err)
}

func closeClient(c *azservicebus.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.Close(ctx)
}
