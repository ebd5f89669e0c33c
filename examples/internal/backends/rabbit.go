package backends

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/rabbitpubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// rabbitServer is the variable with the server's URL, as Go CDK has it: the
// password is not among the flags, where every user of the machine sees it.
const rabbitServer = "RABBIT_SERVER_URL"

// defaultPrefetch is how many wake-ups RabbitMQ gives a process before it
// acknowledges one. Without a bound, one process takes them all, and they wait in
// it while others are idle.
const defaultPrefetch = 4

// openRabbit opens rabbit://EXCHANGE and rabbit://QUEUE[?prefetch_count=N]. What
// is there is used as it is. What is not is declared: a durable fanout exchange,
// and a quorum queue that is bound to it.
func (b *Backends) openRabbit(_ context.Context, c Config) error {
	exchange, _, err := rabbitName(c.Topic)
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	name, prefetch, err := "", defaultPrefetch, nil
	if c.Subscription != "" {
		var params url.Values
		if name, params, err = rabbitName(c.Subscription, "prefetch_count"); err != nil {
			return fmt.Errorf("open the subscription: %w", err)
		}
		if s := params.Get("prefetch_count"); s != "" {
			if prefetch, err = strconv.Atoi(s); err != nil || prefetch < 1 {
				return errors.New("open the subscription: prefetch_count must be a number above zero")
			}
		}
	}
	// By the topic too: until there is a queue, the broker gives messages back.
	dial := func() (*amqp.Connection, error) { return dialRabbit(exchange, name, declareTimeout) }

	topic := &reopened{open: func() (*pubsub.Topic, *amqp.Connection, error) {
		conn, err := dial()
		if err != nil {
			return nil, nil, err
		}
		return rabbitpubsub.OpenTopic(conn, exchange, nil), conn, nil
	}}
	if err := topic.ready(); err != nil { // now, and not with the first payload
		return fmt.Errorf("open the topic: %w", err)
	}
	b.Topic = pubsub.NewTopic(topic, nil)
	b.closeLater(b.Topic.Shutdown)
	if c.Subscription == "" {
		return nil
	}
	var open onlyConn
	b.closeLater(func(context.Context) error { return open.replace(nil) })
	b.Subscription = queue.Reopen(func(context.Context) (*pubsub.Subscription, error) {
		conn, err := dial()
		if err != nil {
			return nil, err
		}
		// The driver closes no connection. That of the subscription that broke
		// would keep what it has taken ahead.
		_ = open.replace(conn)
		return rabbitpubsub.OpenSubscription(conn, name, &rabbitpubsub.SubscriptionOptions{PrefetchCount: &prefetch}), nil
	})
	return nil
}

// onlyConn is one connection at a time.
type onlyConn struct {
	mu   sync.Mutex
	conn *amqp.Connection
}

// replace closes the connection that there is.
func (c *onlyConn) replace(conn *amqp.Connection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.conn
	c.conn = conn
	if old == nil || old.IsClosed() {
		return nil
	}
	return old.Close()
}

// rabbitName is the exchange or queue that a URL names, and its parameters, which
// must be known.
func rabbitName(s string, known ...string) (string, url.Values, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", nil, errors.New("the URL is malformed")
	}
	name := path.Join(u.Host, u.Path)
	if name == "" || u.User != nil {
		return "", nil, fmt.Errorf("the URL must be rabbit:// and a name; %s says where the server is", rabbitServer)
	}
	params, err := parameters(u, known...)
	return name, params, err
}

// declareTimeout is how long the server may take to answer all declarations; a queue
// without a quorum of its nodes is one that it can't answer.
const declareTimeout = 10 * time.Second

// dialRabbit connects, and declares the exchange, and the queue unless its name is
// empty, all within a time.
func dialRabbit(exchange, name string, within time.Duration) (*amqp.Connection, error) {
	server := os.Getenv(rabbitServer)
	// The errors of ParseURI and of Go CDK's own opener quote the password.
	if _, err := amqp.ParseURI(server); err != nil {
		return nil, fmt.Errorf("%s must be the URL of the RabbitMQ server, such as amqp://USER:PASSWORD@HOST:5672/", rabbitServer)
	}
	conn, err := amqp.DialConfig(server, amqp.Config{
		Heartbeat: 10 * time.Second, Locale: "en_US", Dial: amqp.DefaultDial(5 * time.Second),
		Properties: amqp.Table{"connection_name": "fhirdock"},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to RabbitMQ: %w", err)
	}
	// The client library waits for an answer for ever, as long as there are heartbeats.
	late := time.AfterFunc(within, func() { _ = conn.CloseDeadline(time.Now()) })
	defer late.Stop()
	err = declareExchange(conn, exchange)
	if err == nil && name != "" {
		err = declareQueue(conn, exchange, name)
	}
	if err != nil {
		_ = conn.CloseDeadline(time.Now().Add(time.Second))
		return nil, err
	}
	return conn, nil
}

func declareExchange(conn *amqp.Connection, name string) error {
	err := onChannel(conn, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(name, amqp.ExchangeFanout, true, false, false, false, nil)
	})
	if absent(err) {
		err = onChannel(conn, func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil)
		})
	}
	if err != nil {
		return fmt.Errorf("exchange %s: %w", name, err)
	}
	return nil
}

func declareQueue(conn *amqp.Connection, exchange, name string) error {
	err := onChannel(conn, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		return err
	})
	if absent(err) {
		err = onChannel(conn, func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeQuorum})
			return err
		})
	}
	if err == nil {
		// Always: whoever declared the queue may have died before it was bound.
		err = onChannel(conn, func(ch *amqp.Channel) error { return ch.QueueBind(name, "", exchange, false, nil) })
	}
	if err != nil {
		return fmt.Errorf("queue %s: %w", name, err)
	}
	return nil
}

// onChannel calls do with a channel of its own: one that has seen an error is
// closed by the server.
func onChannel(conn *amqp.Connection, do func(*amqp.Channel) error) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	return do(ch)
}

func absent(err error) bool {
	e, ok := errors.AsType[*amqp.Error](err)
	return ok && e.Code == amqp.NotFound
}
