package awsqueue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/awssnssqs"
	"gocloud.dev/pubsub/batcher"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

func init() {
	queue.DefaultURLMux().Register(awssnssqs.SQSScheme, URLOpener{})
	queue.DefaultURLMux().Register(awssnssqs.SNSScheme, URLOpener{})
}

// URLOpener opens queues of SQS and topics of SNS:
// awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE and
// awssns:///arn:aws:sns:REGION:ACCOUNT:TOPIC. The AWS SDK finds credentials in the
// environment. Importing this package registers it with [queue.DefaultURLMux].
type URLOpener struct{}

// shared are the parameters of every URL, from Go CDK's opener.
// https://pkg.go.dev/gocloud.dev/aws#V2ConfigFromURLParams
var shared = []string{"anonymous", "dualstack", "endpoint", "fips", "hostname_immutable", "profile", "rate_limiter_capacity", "region", "role"}

// ofSubscription are the further parameters of a subscription.
var ofSubscription = []string{"nacklazy", "raw", "snstopicarn", "waittime"}

// maxWait is the longest long poll that SQS allows, and our default: shorter ones cost
// more requests.
const maxWait = 20 * time.Second

// checkTimeout bounds the request that checks that a queue or topic exists.
const checkTimeout = 15 * time.Second

// OpenPublisherURL implements [queue.URLOpener] for a queue or a topic, which must exist. A
// wake-up's MessageGroupId is its organization; if the name ends in .fifo, it has a
// deduplication id too.
func (URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (*queue.Publisher, error) {
	topic, fifo, err := openTopic(ctx, urlstr)
	if err != nil {
		return nil, fmt.Errorf("awsqueue: open topic: %w", err)
	}
	return queue.NewPublisher(topic, &queue.PublisherOptions{BeforeSend: address(fifo)})
}

func openTopic(ctx context.Context, urlstr string) (topic *pubsub.Topic, fifo bool, err error) {
	t, err := parse(urlstr, []string{awssnssqs.SQSScheme, awssnssqs.SNSScheme})
	if err != nil {
		return nil, false, err
	}
	cfg, err := t.config(ctx)
	if err != nil {
		return nil, false, err
	}
	if t.arn != "" {
		client := sns.NewFromConfig(cfg)
		if err := atStart(ctx, func(ctx context.Context) error { return checkTopic(ctx, client, t.arn) }); err != nil {
			return nil, false, err
		}
		return awssnssqs.OpenSNSTopic(ctx, client, t.arn, nil), t.fifo(), nil
	}
	client := sqs.NewFromConfig(cfg)
	if err := atStart(ctx, func(ctx context.Context) error { return checkQueue(ctx, client, t.queueURL) }); err != nil {
		return nil, false, err
	}
	return awssnssqs.OpenSQSTopic(ctx, client, t.queueURL, nil), t.fifo(), nil
}

// OpenSubscriptionURL implements [queue.URLOpener] for a queue, which must exist. The
// parameters, besides those of a topic, are
//
//   - waittime: how long SQS waits for a message, from 1s to 20s. Default 20s.
//   - nacklazy: if true, a message that is given back is redelivered after the visibility
//     timeout, otherwise after one second. Default true; see [queue.Consumer.RunRaw].
//   - raw: if true, bodies are never unwrapped as SNS envelopes. Default false; see the
//     package documentation.
//   - snstopicarn: unwrap only envelopes of this topic.
//
// Messages are received one at a time, since the visibility timeout of a prefetched one
// would run down.
//
// The Opener uses [queue.DeadLetters]: a message that is not a wake-up is never
// acknowledged, so that the queue's redrive policy moves it to the dead-letter queue.
func (URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, _ *queue.OpenOptions) (queue.Opener, error) {
	t, err := parse(urlstr, []string{awssnssqs.SQSScheme}, ofSubscription...)
	if err != nil {
		return nil, fmt.Errorf("awsqueue: open subscription: %w", err)
	}
	opts, err := t.subscription()
	if err != nil {
		return nil, fmt.Errorf("awsqueue: open subscription: %w", err)
	}
	cfg, err := t.config(ctx)
	if err != nil {
		return nil, fmt.Errorf("awsqueue: open subscription: %w", err)
	}
	client := sqs.NewFromConfig(cfg)
	if err := atStart(ctx, func(ctx context.Context) error { return checkQueue(ctx, client, t.queueURL) }); err != nil {
		return nil, fmt.Errorf("awsqueue: open subscription: %w", err)
	}
	return queue.DeadLetters(queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
		// Go CDK opens it without a request, so it would look open.
		if err := checkQueue(ctx, client, t.queueURL); err != nil {
			return nil, err
		}
		return awssnssqs.OpenSubscription(ctx, client, t.queueURL, opts), nil
	})), nil
}

// target is a parsed URL: a queue by its URL, or a topic by its ARN.
type target struct {
	queueURL, arn string
	region        string
	url           *brokerurl.URL
}

func (t *target) fifo() bool { return strings.HasSuffix(t.queueURL+t.arn, ".fifo") }

var (
	queueName = regexp.MustCompile(`^[^/]+/[^/]+/[A-Za-z0-9_-]+(\.fifo)?$`)
	queueHost = regexp.MustCompile(`^sqs\.([a-z0-9-]+)\.amazonaws\.com`)
	topicARN  = regexp.MustCompile(`^arn:[a-z0-9-]+:sns:([a-z0-9-]+):[0-9]+:[A-Za-z0-9_-]+(\.fifo)?$`)
)

func parse(raw string, schemes []string, more ...string) (*target, error) {
	u, err := brokerurl.Parse(raw, schemes, slices.Sorted(slices.Values(append(slices.Clone(shared), more...)))...)
	if err != nil {
		return nil, err
	}
	t := &target{url: u}
	switch {
	case brokerurl.HasUser(raw):
		return nil, errors.New("the URL must name no user: credentials are those of the environment")
	case strings.HasPrefix(raw, awssnssqs.SNSScheme+":"):
		found := topicARN.FindStringSubmatch(u.Name)
		if found == nil {
			return nil, errors.New("the URL must be awssns:///arn:aws:sns:REGION:ACCOUNT:TOPIC")
		}
		t.arn, t.region = u.Name, found[1]
	case !queueName.MatchString(u.Name):
		return nil, errors.New("the URL must be awssqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE")
	default:
		t.queueURL = "https://" + u.Name
		if strings.HasPrefix(u.Params.Get("endpoint"), "http://") { // emulators
			t.queueURL = "http://" + u.Name
		}
		if found := queueHost.FindStringSubmatch(u.Name); found != nil {
			t.region = found[1]
		}
	}
	return t, nil
}

// config returns the SDK's configuration, with credentials unless the URL has
// anonymous=true. The region is the one in the name unless the URL has another.
func (t *target) config(ctx context.Context) (aws.Config, error) {
	q := url.Values{}
	for name, values := range t.url.Params {
		if !slices.Contains(ofSubscription, name) {
			q[name] = values
		}
	}
	if !q.Has("region") && t.region != "" {
		q.Set("region", t.region)
	}
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil || cfg.Credentials == nil || aws.IsCredentialsProvider(cfg.Credentials, (*aws.AnonymousCredentials)(nil)) {
		return cfg, err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil { // otherwise the queue would seem unreachable
		return cfg, fmt.Errorf("credentials: %w", err)
	}
	return cfg, nil
}

func (t *target) subscription() (*awssnssqs.SubscriptionOptions, error) {
	opts := &awssnssqs.SubscriptionOptions{
		WaitTime: maxWait, SNSTopicARN: t.url.Params.Get("snstopicarn"),
		ReceiveBatcherOptions: batcher.Options{MaxBatchSize: 1, MaxHandlers: 1},
	}
	var err error
	if opts.Raw, err = t.url.Bool("raw", false); err != nil {
		return nil, err
	}
	if opts.NackLazy, err = t.url.Bool("nacklazy", true); err != nil {
		return nil, err
	}
	if s := t.url.Params.Get("waittime"); s != "" {
		opts.WaitTime, err = time.ParseDuration(s)
		if err != nil || opts.WaitTime < time.Second || opts.WaitTime > maxWait {
			return nil, errors.New(`the parameter "waittime" must be from 1s to 20s`)
		}
	}
	return opts, nil
}

// atStart runs check and ignores that the service is unreachable.
func atStart(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, outage.StartTimeout)
	defer cancel()
	if err := check(ctx); !unreachable(err) {
		return err
	}
	return nil
}

// unreachable reports whether the service did not answer or failed.
func unreachable(err error) bool {
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && r.HTTPStatusCode() != 0 { // 0: no answer
		return r.HTTPStatusCode() >= http.StatusInternalServerError
	}
	return outage.Unreachable(err)
}

// checkQueue checks that the queue exists. A denied request counts as success.
func checkQueue(ctx context.Context, client *sqs.Client, queueURL string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &queueURL, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	return unlessDenied(err)
}

func checkTopic(ctx context.Context, client *sns.Client, arn string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	return unlessDenied(err)
}

func unlessDenied(err error) error {
	if e, ok := errors.AsType[smithy.APIError](err); ok && slices.Contains([]string{"AccessDenied", "AccessDeniedException", "AuthorizationError"}, e.ErrorCode()) {
		return nil
	}
	return err
}
