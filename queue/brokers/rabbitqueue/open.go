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
// amqp://USER:PASSWORD@HOST:5672/. An exchange that is there is used as it is; one that
// is not is declared, durable and of the kind fanout. The parameter queue names a queue
// that is declared as [OpenSubscription] does, so that there is one from the first
// message on: until there is, the broker gives messages back, and sending fails.
//
// A wake-up is sent once the broker has confirmed it. The connection is made anew when
// it is lost, and an exchange or a queue that was deleted is declared again. If the server
// is away, messages are refused until it is back. Order needs no options of the
// Publisher, and they are nil. The topic is
// the caller's to shut down; that closes the connection.
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
	if err := topic.ready(); err != nil && !outage.Unreachable(err) { // now, and not with the first payload
		return nil, nil, fmt.Errorf("rabbitqueue: open topic: %w", err)
	}
	return pubsub.NewTopic(topic, nil), nil, nil
}

// OpenSubscription reads rabbit://QUEUE, on the same server, and returns the Opener of
// it. A queue that is there is used as it is; one that is not is declared, as a durable
// quorum queue. The parameter exchange names the exchange that the queue is bound to,
// which is declared as [OpenTopic] does; without it nothing is bound. Both are declared
// again if they were deleted. A server that is away is no error.
//
// prefetch_count is how many messages are taken before one is acknowledged. Default: one
// more than the Consumer handles at once.
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
	conn, err := dial(exchange, name, declareTimeout) // to see whether it can be had
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
		// Without a bound one process takes all, and they wait in it while others are idle.
		s, err := openSubscription(conn, name, cmp.Or(prefetch, min(concurrency+1, maxPrefetch)))
		return s, nil, err
	}), nil
}

// maxPrefetch is the most that the protocol has room for.
const maxPrefetch = 65535

// parse has the exchange or queue that a URL names.
func parse(raw string, known ...string) (string, *brokerurl.URL, error) {
	u, err := brokerurl.Parse(raw, []string{Scheme}, slices.Sorted(slices.Values(known))...)
	if err != nil {
		return "", nil, err
	}
	if u.Name == "" || brokerurl.HasUser(raw) {
		return "", nil, fmt.Errorf("the URL must be rabbit:// and a name; %s says where the server is", serverVariable)
	}
	return u.Name, u, nil
}
