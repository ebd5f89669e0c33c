package natsqueue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

// credentialsEnv names the environment variable for the path of a credentials file.
const credentialsEnv = "NATS_CREDENTIALS_FILE"

// connect opens a connection for one topic or subscription, which closes it.
func (a *address) connect(more ...nats.Option) (*nats.Conn, jetstream.JetStream, error) {
	options := append([]nats.Option{
		nats.Name("fhirdock"), nats.Timeout(5 * time.Second),
		// Detects within 10 to 15 seconds that a server stopped answering.
		nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		// Don't buffer while disconnected: jobs are found without their wake-ups.
		nats.ReconnectBufSize(-1),
		// The default handler prints to standard error.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			a.log.Warn("connection to NATS", "error", err.Error())
		}),
	}, more...)
	if file := os.Getenv(credentialsEnv); file != "" {
		options = append(options, nats.UserCredentials(file))
	}
	conn, err := nats.Connect(a.server, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to NATS: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return conn, js, nil
}

// unreachable reports whether connect failed because no server answered.
func unreachable(err error) bool {
	return outage.Unreachable(err) || errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout)
}

// makeStream creates the stream unless it exists.
func (a *address) makeStream(ctx context.Context, js jetstream.JetStream) error {
	_, err := js.Stream(ctx, a.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{
			Name: a.name, Subjects: []string{a.subject}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		})
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", a.name, err)
	}
	return nil
}

// makeConsumer creates the durable consumer, or updates it to the configuration below.
func (a *address) makeConsumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	consumer, err := js.CreateOrUpdateConsumer(ctx, a.name, jetstream.ConsumerConfig{
		Name: a.consumer, Durable: a.consumer, FilterSubject: a.subject, AckPolicy: jetstream.AckExplicitPolicy,
		// A redelivered wake-up costs one look at its job.
		AckWait: 5 * time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("consumer %s: %w", a.consumer, err)
	}
	return consumer, nil
}
