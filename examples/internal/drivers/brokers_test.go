package drivers_test

import (
	"context"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	_ "github.com/fhirdock/fhirdock/examples/internal/drivers"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/queue"
)

// rabbitServer is the variable with the server's URL.
const rabbitServer = "RABBIT_SERVER_URL"

func options(t *testing.T) *backends.Options {
	t.Helper()
	return &backends.Options{
		Data: filepath.Join(t.TempDir(), "data"), BaseURL: &url.URL{Scheme: "http", Host: "localhost:1"},
		Logger: slog.New(slog.DiscardHandler),
	}
}

// pipe has back ends with a broker's queue, and the wake-ups that its worker receives.
type pipe struct {
	publisher *queue.Publisher
	heard     chan string
}

func newPipe(t *testing.T, topic, subscription string) *pipe {
	t.Helper()
	b, err := backends.Open(t.Context(), backends.URLs{Topic: topic, Subscription: subscription}, options(t))
	require.NoError(t, err)
	require.False(t, b.LocalQueue)
	p := &pipe{publisher: b.Publisher, heard: make(chan string, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		consumer := must(queue.NewConsumer(b.Subscription, &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)}))
		ended <- consumer.Run(ctx, func(_ context.Context, m queue.Message) { p.heard <- m.JobID })
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, b.Close(end))
	})
	return p
}

// passes reports whether a wake-up arrives.
func (p *pipe) passes(t *testing.T, id string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if p.publisher.Publish(ctx, queue.Message{JobID: id, OrganizationID: "o", Source: "webhook"}) != nil {
		return false
	}
	for {
		select {
		case got := <-p.heard:
			if got == id {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// cable returns a cable to the server of a URL, and the URL through the cable.
func cable(t *testing.T, server string) (*localserver.Cable, string) {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	c, err := localserver.NewCable(u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	u.Host = c.Address
	return c, u.String()
}

// Topic and subscription work again once the server is reachable.
func TestLostConnections(t *testing.T) {
	t.Run("RabbitMQ", func(t *testing.T) {
		lent := proctest.Lend(t, servers.Rabbit)
		c, server := cable(t, lent.Env[0][len(rabbitServer)+1:])
		t.Setenv(rabbitServer, server)
		survives(t, c, lent.Topic, lent.Subscription)
	})
	t.Run("JetStream", func(t *testing.T) {
		lent := proctest.Lend(t, servers.NATS)
		c, topic := cable(t, lent.Topic)
		survives(t, c, topic, topic+strings.TrimPrefix(lent.Subscription, lent.Topic))
	})
}

// PostgreSQL as a broker, with different URLs of one server for topic and subscription.
func TestNotify(t *testing.T) {
	lent := proctest.Lend(t, servers.Notify)
	c, topic := cable(t, lent.Topic)
	subscription := strings.Replace(topic, "postgres://", "postgresql://", 1) + "&application_name=fhirdock"
	survives(t, c, topic, subscription)

	for subscription, want := range map[string]string{
		lent.Topic + "x": "must have the same channel",
		strings.Replace(lent.Topic, "channel=", "other=", 1): "must have one parameter channel",
		lent.Topic + "&sslmode=s3cret&password=s3cret":       "the URL must be postgres://",
		"rabbit://x": "must be of the topic's broker",
		strings.Replace(lent.Topic, "postgres://", "mysql://", 1): "unknown scheme mysql:",
	} {
		_, err := backends.Open(t.Context(), backends.URLs{Topic: lent.Topic, Subscription: subscription}, options(t))
		require.ErrorContains(t, err, "subscription: ")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

// Wake-ups pass once the server is up. An error from the server is an error at the start.
func TestNotifyBeforeItsServer(t *testing.T) {
	lent := proctest.Lend(t, servers.Notify)
	u, err := url.Parse(lent.Topic)
	require.NoError(t, err)
	server := u.Host
	u.Host, err = localserver.FreeAddress()
	require.NoError(t, err)
	p := newPipe(t, u.String(), u.String())
	require.False(t, p.passes(t, "early"))
	c, err := localserver.NewCableAt(u.Host, server)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.Eventually(t, func() bool { return p.passes(t, "late") }, 20*time.Second, time.Millisecond)

	u.Path = "/no_such_database"
	_, err = backends.Open(t.Context(), backends.URLs{Topic: u.String()}, options(t))
	require.ErrorContains(t, err, "open the topic: ")
	_, err = backends.Open(t.Context(), backends.URLs{Notifications: u.String()}, options(t))
	require.ErrorContains(t, err, "open the queue of notifications: ")
}

func survives(t *testing.T, c *localserver.Cable, topic, subscription string) {
	t.Helper()
	p := newPipe(t, topic, subscription)
	require.Eventually(t, func() bool { return p.passes(t, "before") }, 20*time.Second, time.Millisecond)
	c.Cut()
	require.Eventually(t, func() bool { return p.passes(t, "after") }, 20*time.Second, time.Millisecond)
}

// Queues that another process declared are used.
func TestExistingQueues(t *testing.T) {
	lent := proctest.Lend(t, servers.Rabbit)
	t.Setenv(rabbitServer, lent.Env[0][len(rabbitServer)+1:])
	first := newPipe(t, lent.Topic, lent.Subscription)
	require.True(t, first.passes(t, "a"), "the very first message")
	second := newPipe(t, lent.Topic, lent.Subscription)
	require.NoError(t, second.publisher.Publish(t.Context(), queue.Message{JobID: "b", OrganizationID: "o", Source: "webhook"}))
	select {
	case id := <-first.heard:
		require.Equal(t, "b", id)
	case id := <-second.heard:
		require.Equal(t, "b", id)
	case <-time.After(20 * time.Second):
		t.Fatal("the message was not received")
	}
}

// A gateway may start before its broker.
func TestUnreachableBrokers(t *testing.T) {
	t.Setenv(rabbitServer, "amqp://user:s3cret@127.0.0.1:1/")
	for name, test := range map[string]struct{ topic, subscription string }{
		"RabbitMQ": {"rabbit://exchange", "rabbit://queue"},
		"NATS":     {"nats+js://user:s3cret@127.0.0.1:1/x?stream=x", "nats://user:s3cret@127.0.0.1:1/x?stream=x&consumer=x"},
		"NOTIFY":   {"postgres://user:s3cret@127.0.0.1:1/x?channel=x", "postgres://user:s3cret@127.0.0.1:1/x?channel=x"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := backends.Open(t.Context(), backends.URLs{Topic: test.topic, Subscription: test.subscription}, options(t))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			require.Error(t, b.Publisher.Publish(ctx, queue.Message{JobID: "job"}))
			require.NoError(t, ctx.Err(), "sending fails at once")
			require.NoError(t, b.Close(ctx))
		})
	}
}

func TestBrokerURLs(t *testing.T) {
	t.Setenv(rabbitServer, "amqp://user:s3cret@127.0.0.1:1/")
	for name, test := range map[string]struct {
		topic, subscription, server, want string
	}{
		"RabbitMQ, no server":  {topic: "rabbit://x", server: "no URL, s3cret", want: rabbitServer + " must be"},
		"RabbitMQ, no name":    {topic: "rabbit://", want: "rabbit:// and a name"},
		"RabbitMQ, user":       {topic: "rabbit://user:s3cret@host/x", want: "rabbit:// and a name"},
		"RabbitMQ, parameters": {topic: "rabbit://x?key_name=s3cret", want: "unknown parameter"},
		"two kinds":            {topic: "rabbit://x", subscription: "nats://s3cret@h/x?stream=x&consumer=x", want: "must be of the topic's broker"},
		"NATS, no subject":     {topic: "nats://127.0.0.1?stream=x", want: "nats://HOST:PORT/SUBJECT"},
		"NATS, wildcard":       {topic: "nats://127.0.0.1/x.*?stream=x", want: "nats://HOST:PORT/SUBJECT"},
		"NATS, no stream":      {topic: "nats://127.0.0.1/x", want: "needs the parameter stream"},
		"NATS, unknown":        {topic: "nats://127.0.0.1/x?stream=x&jetstream", want: "unknown parameter"},
		"NATS, malformed":      {topic: "nats://user:s3cret@127.0.0.1/%zz", want: "not a URL"},

		"PostgreSQL, no channel":  {topic: "postgres://user:s3cret@127.0.0.1:1/x", want: "must have one parameter channel"},
		"PostgreSQL, two":         {topic: "postgres://user:s3cret@127.0.0.1:1/x?channel=x&channel=y", want: "must have one parameter channel"},
		"PostgreSQL, bad channel": {topic: "postgresql://user:s3cret@127.0.0.1:1/x?channel=s3cret-", want: "1 to 63 characters"},
		"PostgreSQL, escape":      {topic: "postgresql://user:s3cret@127.0.0.1:1/x?channel=%zzs3cret", want: "channel is malformed"},
		"PostgreSQL, malformed":   {topic: "postgres://127.0.0.1:1/x?channel=x&password=s3cret&sslmode=s3cret", want: "the URL must be postgres://"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.server != "" {
				t.Setenv(rabbitServer, test.server)
			}
			_, err := backends.Open(t.Context(), backends.URLs{Topic: test.topic, Subscription: test.subscription}, options(t))
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}
