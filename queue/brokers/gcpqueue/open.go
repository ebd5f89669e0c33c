package gcpqueue

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	pubsubapi "cloud.google.com/go/pubsub/apiv1"
	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/googleapis/gax-go/v2"
	"gocloud.dev/gcp"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/gcppubsub"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/credentials/oauth"
	"google.golang.org/grpc/status"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

func init() { queue.DefaultURLMux().Register(gcppubsub.Scheme, URLOpener{}) }

// URLOpener opens gcppubsub://projects/PROJECT/topics/TOPIC and
// gcppubsub://projects/PROJECT/subscriptions/SUBSCRIPTION. Google's SDK finds credentials in
// the environment; with PUBSUB_EMULATOR_HOST none are used. Importing this package registers
// it with [queue.DefaultURLMux].
//
// The parameter endpoint selects a region, as in us-east1-pubsub.googleapis.com:443: Pub/Sub
// orders only messages that are published in one region.
type URLOpener struct{}

// emulator is the environment variable with the HOST:PORT of an emulator, as in Google's
// clients.
const emulator = "PUBSUB_EMULATOR_HOST"

// global is the endpoint that routes each request to the nearest region.
const global = "pubsub.googleapis.com:443"

// checkTimeout bounds the request that checks that a topic or subscription exists.
const checkTimeout = 15 * time.Second

// sendTimeout bounds the sending of a message.
const sendTimeout = 10 * time.Second

// maxKey is the longest ordering key, in bytes.
// https://cloud.google.com/pubsub/quotas#resource_limits
const maxKey = 1024

var endpointName = regexp.MustCompile(`^[a-z0-9.-]+:[0-9]+$`)

// OpenPublisherURL implements [queue.URLOpener] for a topic, which must exist. A wake-up's
// ordering key is its organization.
func (URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (*queue.Publisher, error) {
	topic, hangUp, err := openTopic(ctx, urlstr)
	if err != nil {
		return nil, fmt.Errorf("gcpqueue: open topic: %w", err)
	}
	return queue.NewPublisher(topic, &queue.PublisherOptions{BeforeSend: address, Close: hangUp})
}

func openTopic(ctx context.Context, urlstr string) (topic *pubsub.Topic, hangUp func() error, err error) {
	name, u, err := parse(urlstr, "topics", "endpoint")
	if err != nil {
		return nil, nil, err
	}
	conn, err := dial(ctx, u)
	if err != nil {
		return nil, nil, err
	}
	client, err := gcppubsub.PublisherClient(ctx, conn)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	// The SDK's default is a minute, during which waiting messages would pile up.
	client.CallOptions.Publish = append(client.CallOptions.Publish, gax.WithTimeout(sendTimeout))
	start, cancel := context.WithTimeout(ctx, outage.StartTimeout)
	defer cancel()
	err = check(start, func(ctx context.Context) error {
		_, err := client.GetTopic(ctx, &pb.GetTopicRequest{Topic: name}, once)
		return err
	})
	if err != nil && !unreachable(err) {
		return nil, nil, errors.Join(err, conn.Close())
	}
	topic, err = gcppubsub.OpenTopicByPath(client, name, &gcppubsub.TopicOptions{
		// All messages of a request must have the same ordering key.
		BatcherOptions: batcher.Options{MaxBatchSize: 1, MaxHandlers: 100},
	})
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return topic, conn.Close, nil
}

// OpenSubscriptionURL implements [queue.URLOpener] for a subscription, which must exist. The
// parameters are endpoint, and nacklazy: if true, the default, a message that is given back
// is redelivered after the ack deadline, otherwise at once.
//
// Messages are received one at a time, since deadlines are not extended.
func (URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (queue.Opener, error) {
	name, u, err := parse(urlstr, "subscriptions", "endpoint", "nacklazy")
	if err != nil {
		return nil, fmt.Errorf("gcpqueue: open subscription: %w", err)
	}
	lazy, err := u.Bool("nacklazy", true)
	if err != nil {
		return nil, fmt.Errorf("gcpqueue: open subscription: %w", err)
	}
	connect := func(ctx context.Context) (*pubsubapi.SubscriberClient, func() error, error) {
		conn, err := dial(ctx, u)
		if err != nil {
			return nil, nil, err
		}
		client, err := gcppubsub.SubscriberClient(ctx, conn)
		if err == nil {
			err = check(ctx, func(ctx context.Context) error {
				_, err := client.GetSubscription(ctx, &pb.GetSubscriptionRequest{Subscription: name}, once)
				return err
			})
		}
		if err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
		return client, conn.Close, nil
	}
	start, cancel := context.WithTimeout(ctx, outage.StartTimeout)
	defer cancel()
	_, hangUp, err := connect(start) // fail now rather than in the background
	if err == nil {
		err = hangUp()
	}
	if err != nil && !unreachable(err) {
		return nil, fmt.Errorf("gcpqueue: open subscription: %w", err)
	}
	return queue.ReopenWith(func(ctx context.Context, _ int) (*pubsub.Subscription, func() error, error) {
		client, hangUp, err := connect(ctx)
		if err != nil {
			return nil, nil, err
		}
		s, err := gcppubsub.OpenSubscriptionByPath(client, name, &gcppubsub.SubscriptionOptions{
			NackLazy: lazy,
			// Not SubscriptionOptions.MaxBatchSize: with 1, the driver polls ten times a
			// second and does not wait for messages.
			ReceiveBatcherOptions: batcher.Options{MaxBatchSize: 1, MaxHandlers: 1},
		})
		if err != nil {
			return nil, nil, errors.Join(err, hangUp())
		}
		return s, hangUp, nil
	}), nil
}

// address sets the ordering key.
func address(m queue.Message, as func(any) bool) error {
	var out *pb.PubsubMessage
	if !as(&out) {
		return errors.New("gcpqueue: not a Pub/Sub topic")
	}
	out.OrderingKey = brokerurl.Key(m.OrganizationID, maxKey)
	return nil
}

// resource matches the name of a topic or subscription.
// https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
var resource = regexp.MustCompile(`^projects/[A-Za-z0-9.:-]+/(topics|subscriptions)/[A-Za-z][A-Za-z0-9._~+%-]{2,254}$`)

func parse(raw, kind string, allowed ...string) (string, *brokerurl.URL, error) {
	u, err := brokerurl.Parse(raw, []string{gcppubsub.Scheme}, allowed...)
	if err != nil {
		return "", nil, err
	}
	found := resource.FindStringSubmatch(u.Name)
	if found == nil || found[1] != kind || brokerurl.HasUser(raw) {
		return "", nil, fmt.Errorf("the URL must be gcppubsub://projects/PROJECT/%s/NAME", kind)
	}
	if e := u.Params.Get("endpoint"); e != "" && !endpointName.MatchString(e) {
		return "", nil, errors.New(`the parameter "endpoint" must be HOST:PORT`)
	}
	return u.Name, u, nil
}

// dial returns a connection to the service or its emulator. It connects when it is first
// used.
func dial(ctx context.Context, u *brokerurl.URL) (*grpc.ClientConn, error) {
	if e := os.Getenv(emulator); e != "" {
		return grpc.NewClient(e, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	creds, err := gcp.DefaultCredentials(ctx)
	if err != nil {
		return nil, err
	}
	endpoint := u.Params.Get("endpoint")
	if endpoint == "" {
		endpoint = global
	}
	return grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})),
		grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: creds.TokenSource}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(11<<20)), // a message is at most 10 MB
	)
}

// once disables retries: the SDK would otherwise retry until the deadline.
var once = gax.WithRetry(func() gax.Retryer { return nil })

// unreachable reports whether the service did not answer.
func unreachable(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded || outage.Unreachable(err)
}

// check runs ask with a timeout. A denied request counts as success.
func check(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := ask(ctx)
	if status.Code(err) == codes.PermissionDenied {
		return nil
	}
	return err
}
