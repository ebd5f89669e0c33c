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

// scheme of the URLs, as in Go CDK.
const scheme = "azuresb"

func init() { queue.DefaultURLMux().Register(scheme, URLOpener{}) }

// URLOpener opens azuresb://NAME, a topic or queue, and azuresb://TOPIC?subscription=NAME in
// the namespace that SERVICEBUS_CONNECTION_STRING or AZURE_SERVICEBUS_HOSTNAME names. With
// the latter, the Azure SDK finds the credentials. Importing this package registers it with
// [queue.DefaultURLMux].
type URLOpener struct{}

// The environment variables for the namespace, as in Go CDK. The first takes precedence.
const (
	connectionString = "SERVICEBUS_CONNECTION_STRING"
	hostname         = "AZURE_SERVICEBUS_HOSTNAME"
)

// checkTimeout bounds the request that checks that an entity exists.
const checkTimeout = 20 * time.Second

// OpenPublisherURL implements [queue.URLOpener] for a topic or queue, which must exist. Each
// wake-up has its own id, and its organization as session id and partition key.
func (URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (*queue.Publisher, error) {
	topic, err := openTopic(ctx, urlstr)
	if err != nil {
		return nil, fmt.Errorf("azurequeue: open topic: %w", err)
	}
	return queue.NewPublisher(topic, &queue.PublisherOptions{BeforeSend: address})
}

func openTopic(ctx context.Context, urlstr string) (*pubsub.Topic, error) {
	u, err := brokerurl.Parse(urlstr, []string{scheme})
	if err != nil {
		return nil, err
	}
	if err := named(u, urlstr); err != nil {
		return nil, err
	}
	client, err := newClient()
	if err != nil {
		return nil, err
	}
	t, err := newTopic(ctx, client, u.Name)
	if err != nil {
		return nil, errors.Join(err, closeClient(client))
	}
	return pubsub.NewTopic(t, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 100}), nil
}

// OpenSubscriptionURL implements [queue.URLOpener] for a queue or subscription, which must
// exist. The other parameter is nacklazy: if true, the default, a message that is given back is redelivered
// when its lock expires, otherwise at once, which soon exceeds MaxDeliveryCount.
//
// Messages are received one at a time, since locks are not renewed.
func (URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (queue.Opener, error) {
	u, err := brokerurl.Parse(urlstr, []string{scheme}, "nacklazy", "subscription")
	if err == nil {
		err = named(u, urlstr)
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
	first, err := open(start) // fail now rather than in the background
	if err == nil {
		err = first.Close()
	}
	if err != nil && !unreachable(err) {
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
		return fmt.Errorf("the URL must be azuresb:// and the name of a topic or queue; %s or %s names the namespace", connectionString, hostname)
	}
	return nil
}

// newClient returns a client for the namespace in the environment. It connects when it is
// first used.
func newClient() (*azservicebus.Client, error) {
	opts := &azservicebus.ClientOptions{
		ApplicationID: "fhirdock",
		// The default first pause is already longer than a wake-up waits to be sent.
		RetryOptions: azservicebus.RetryOptions{MaxRetries: 3, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 5 * time.Second},
	}
	if s := os.Getenv(connectionString); s != "" {
		client, err := azservicebus.NewClientFromConnectionString(s, opts)
		if err != nil { // err may quote the key
			return nil, fmt.Errorf("%s must be Endpoint=sb://NAMESPACE.servicebus.windows.net/;SharedAccessKeyName=NAME;SharedAccessKey=KEY", connectionString)
		}
		return client, nil
	}
	host := os.Getenv(hostname)
	if host == "" {
		return nil, fmt.Errorf("%s or %s must name the namespace", connectionString, hostname)
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return azservicebus.NewClient(host, credential, opts)
}

// unreachable reports whether the namespace did not answer.
func unreachable(err error) bool {
	e, ok := errors.AsType[*azservicebus.Error](err)
	return ok && (e.Code == azservicebus.CodeConnectionLost || e.Code == azservicebus.CodeTimeout) || outage.Unreachable(err)
}

func closeClient(c *azservicebus.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.Close(ctx)
}
