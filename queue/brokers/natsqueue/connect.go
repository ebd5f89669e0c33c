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

// credentials is the variable with the name of a file of credentials, if there is one.
const credentials = "NATS_CREDENTIALS_FILE"

// connect connects for one topic or subscription, which closes the connection.
func (a *address) connect(more ...nats.Option) (*nats.Conn, jetstream.JetStream, error) {
	options := append([]nats.Option{
		nats.Name("fhirdock"), nats.Timeout(5 * time.Second),
		// A server that stopped answering is noticed after 10 to 15 seconds.
		nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.PingInterval(5 * time.Second), nats.MaxPingsOutstanding(2),
		// Nothing is kept for a server that is away: the jobs are found without wake-ups.
		nats.ReconnectBufSize(-1),
		// Without this the client prints them.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			a.log.Warn("connection to NATS", "error", err.Error())
		}),
	}, more...)
	if file := os.Getenv(credentials); file != "" {
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

// away reports whether connect failed because there is no server just now.
func away(err error) bool {
	return outage.Unreachable(err) || errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout)
}

// makeStream makes the stream unless it is there.
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

// makeConsumer makes the durable consumer, or changes it to what is needed.
func (a *address) makeConsumer(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	consumer, err := js.CreateOrUpdateConsumer(ctx, a.name, jetstream.ConsumerConfig{
		Name: a.consumer, Durable: a.consumer, FilterSubject: a.subject, AckPolicy: jetstream.AckExplicitPolicy,
		// A wake-up that comes again costs a look at its job.
		AckWait: 5 * time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("consumer %s: %w", a.consumer, err)
	}
	return consumer, nil
}
