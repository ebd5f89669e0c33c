package rabbitqueue

import (
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
)

// Scheme of the URLs.
const Scheme = rabbitpubsub.Scheme

// defaultPrefetch is how many wake-ups RabbitMQ gives a process before it
// acknowledges one. Without a bound, one process takes them all, and they wait in
// it while others are idle.
const defaultPrefetch = 4

// OpenTopic opens rabbit://EXCHANGE on the server that RABBIT_SERVER_URL names,
// amqp://USER:PASSWORD@HOST:5672/. An exchange that is there is used as it is; one that
// is not is declared, durable and of the kind fanout. The parameter queue names a queue
// that is declared as [OpenSubscription] does, so that there is one from the first
// message on: until there is, the broker gives messages back, and sending fails.
//
// A wake-up is sent once the broker has confirmed it. The connection is made anew when
// it is lost. Order needs no options of the Publisher, and they are nil. The topic is
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
	if err := topic.ready(); err != nil { // now, and not with the first payload
		return nil, nil, fmt.Errorf("rabbitqueue: open topic: %w", err)
	}
	return pubsub.NewTopic(topic, nil), nil, nil
}

// OpenSubscription reads rabbit://QUEUE, on the same server, and returns the Opener of
// it. A queue that is there is used as it is; one that is not is declared, as a durable
// quorum queue. The parameter exchange names the exchange that the queue is bound to,
// which is declared as [OpenTopic] does; without it nothing is bound.
// prefetch_count is how many messages are taken before one is acknowledged. Default 4.
func OpenSubscription(_ context.Context, url string) (queue.Opener, error) {
	name, u, err := parse(url, "exchange", "prefetch_count")
	if err != nil {
		return nil, fmt.Errorf("rabbitqueue: open subscription: %w", err)
	}
	prefetch := defaultPrefetch
	if s := u.Params.Get("prefetch_count"); s != "" {
		if prefetch, err = strconv.Atoi(s); err != nil || prefetch < 1 || prefetch > 65535 {
			return nil, errors.New("rabbitqueue: open subscription: prefetch_count must be a number from 1 to 65535")
		}
	}
	exchange := u.Params.Get("exchange")
	conn, err := dial(exchange, name, declareTimeout) // to see whether it can be had
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("rabbitqueue: open subscription: %w", err)
	}
	return queue.ReopenWith(func(context.Context) (*pubsub.Subscription, func() error, error) {
		conn, err := dial(exchange, name, declareTimeout)
		if err != nil {
			return nil, nil, err
		}
		s := rabbitpubsub.OpenSubscription(conn, name, &rabbitpubsub.SubscriptionOptions{PrefetchCount: &prefetch})
		// The driver closes no connection, and that of a subscription that broke would
		// keep what it has taken ahead.
		return s, func() error {
			if conn.IsClosed() {
				return nil
			}
			return conn.Close()
		}, nil
	}), nil
}

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
