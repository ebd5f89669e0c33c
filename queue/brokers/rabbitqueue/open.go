package rabbitqueue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/rabbitpubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

// Scheme of the URLs.
const Scheme = rabbitpubsub.Scheme

// OpenTopic opens rabbit://EXCHANGE on the server that RABBIT_SERVER_URL names,
// amqp://USER:PASSWORD@HOST:5672/. An existing exchange is used as it is; a missing one is
// declared as a durable fanout. The parameter queue names a queue to declare and bind as
// [OpenSubscription] does: sending fails while no queue is bound.
//
// Send returns once the broker has confirmed the message. A lost connection is replaced,
// and a deleted exchange or queue is declared again. An unreachable server is not an error;
// sending fails until it is back. Order needs no options of the Publisher, so they are nil.
// The caller must shut down the topic, which closes the connection.
func OpenTopic(_ context.Context, url string) (*pubsub.Topic, *queue.PublisherOptions, error) {
	exchange, u, err := parse(url, "queue")
	if err != nil {
		return nil, nil, fmt.Errorf("rabbitqueue: open topic: %w", err)
	}
	topic := &reopened{open: func() (*pubsub.Topic, *amqp.Connection, error) {
		conn, err := dial(exchange, u.Params.Get("queue"), declareTimeout)
		if err != nil {
			return nil, nil, err
		}
		return rabbitpubsub.OpenTopic(conn, exchange, nil), conn, nil
	}}
	if err := topic.ready(); err != nil && !outage.Unreachable(err) { // fail now rather than with the first message
		return nil, nil, fmt.Errorf("rabbitqueue: open topic: %w", err)
	}
	return pubsub.NewTopic(topic, nil), nil, nil
}

// OpenSubscription opens rabbit://QUEUE on the same server and returns an Opener for it. An
// existing queue is used as it is; a missing one is declared as a durable quorum queue. The
// parameter exchange names an exchange to declare as [OpenTopic] does and to bind the queue
// to; without it nothing is bound. Both are declared again if they were deleted. An
// unreachable server is not an error.
//
// The parameter prefetch_count limits the unacknowledged messages, from 1 to 65535. Default:
// one more than the Consumer handles at once.
func OpenSubscription(_ context.Context, url string) (queue.Opener, error) {
	name, u, err := parse(url, "exchange", "prefetch_count")
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
	u, err := brokerurl.Parse(raw, []string{Scheme}, slices.Sorted(slices.Values(known))...)
	if err != nil {
		return "", nil, err
	}
	if u.Name == "" || brokerurl.HasUser(raw) {
		return "", nil, fmt.Errorf("the URL must be rabbit:// and a name; %s names the server", serverVariable)
	}
	return u.Name, u, nil
}
