package rabbitqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/rabbitpubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

func init() { queue.DefaultURLMux().Register(rabbitpubsub.Scheme, URLOpener{}) }

// URLOpener opens rabbit://EXCHANGE for sending and rabbit://QUEUE for receiving, on the
// server that RABBIT_SERVER_URL names, amqp://USER:PASSWORD@HOST:5672/. Importing this
// package registers it with [queue.DefaultURLMux].
//
// An existing exchange or queue is used as it is; a missing one is declared as a durable
// fanout or a durable quorum queue, again if it was deleted. A lost connection is replaced.
type URLOpener struct{}

// OpenPublisherURL implements [queue.URLOpener]. Sending returns once the broker has
// confirmed the message, and fails while no queue is bound to the exchange. The parameter
// queue names a queue to declare and bind. Default: the queue in [queue.OpenOptions].Peer.
func (URLOpener) OpenPublisherURL(_ context.Context, urlstr string, opts *queue.OpenOptions) (*queue.Publisher, error) {
	exchange, u, err := parse(naming(urlstr, "queue", opts.Peer), "queue")
	if err != nil {
		return nil, fmt.Errorf("rabbitqueue: open topic: %w", err)
	}
	topic := &reopened{open: func() (*pubsub.Topic, *amqp.Connection, error) {
		conn, err := dial(exchange, u.Params.Get("queue"), declareTimeout)
		if err != nil {
			return nil, nil, err
		}
		return rabbitpubsub.OpenTopic(conn, exchange, nil), conn, nil
	}}
	if err := topic.ready(); err != nil && !outage.Unreachable(err) { // fail now rather than with the first message
		return nil, fmt.Errorf("rabbitqueue: open topic: %w", err)
	}
	return queue.NewPublisher(pubsub.NewTopic(topic, nil), nil)
}

// OpenSubscriptionURL implements [queue.URLOpener]. The parameter exchange names an exchange
// to declare and bind the queue to. Default: the exchange in [queue.OpenOptions].Peer;
// without a Peer, nothing is bound.
//
// The parameter prefetch_count limits the unacknowledged messages, from 1 to 65535. Default:
// one more than the Consumer handles at once.
func (URLOpener) OpenSubscriptionURL(_ context.Context, urlstr string, opts *queue.OpenOptions) (queue.Opener, error) {
	name, u, err := parse(naming(urlstr, "exchange", opts.Peer), "exchange", "prefetch_count")
	if err != nil {
		return nil, fmt.Errorf("rabbitqueue: open subscription: %w", err)
	}
	var prefetch int
	if s := u.Params.Get("prefetch_count"); s != "" {
		if prefetch, err = strconv.Atoi(s); err != nil || prefetch < 1 || prefetch > maxPrefetch {
			return nil, errors.New("rabbitqueue: open subscription: prefetch_count must be a number from 1 to 65535")
		}
	}
	exchange := u.Params.Get("exchange")
	conn, err := dial(exchange, name, declareTimeout) // fail now rather than in the background
	if err == nil {
		err = hangUp(conn)
	}
	if err != nil && !outage.Unreachable(err) {
		return nil, fmt.Errorf("rabbitqueue: open subscription: %w", err)
	}
	return queue.ReopenWith(func(_ context.Context, concurrency int) (*pubsub.Subscription, func() error, error) {
		conn, err := dial(exchange, name, declareTimeout)
		if err != nil {
			return nil, nil, err
		}
		// Without a limit, one process would take all messages while others are idle.
		s, err := openSubscription(conn, name, cmp.Or(prefetch, min(concurrency+1, maxPrefetch)))
		return s, nil, err
	}), nil
}

// maxPrefetch is the protocol's limit.
const maxPrefetch = 65535

// parse returns the name of the exchange or queue.
func parse(raw string, known ...string) (string, *brokerurl.URL, error) {
	u, err := brokerurl.Parse(raw, []string{rabbitpubsub.Scheme}, slices.Sorted(slices.Values(known))...)
	if err != nil {
		return "", nil, err
	}
	if u.Name == "" || brokerurl.HasUser(raw) {
		return "", nil, fmt.Errorf("the URL must be rabbit:// and a name; %s names the server", serverVariable)
	}
	return u.Name, u, nil
}

// naming adds the name in the peer's URL as a parameter, so that whichever is opened first
// binds the exchange and the queue. It keeps an existing parameter, and a malformed URL for
// the opener to report.
func naming(urlstr, parameter, peer string) string {
	u, err := url.Parse(urlstr)
	if err != nil || peer == "" || u.Query().Has(parameter) {
		return urlstr
	}
	p, err := url.Parse(peer)
	if err != nil {
		return urlstr
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += url.Values{parameter: {path.Join(p.Host, p.Path)}}.Encode()
	return u.String()
}
