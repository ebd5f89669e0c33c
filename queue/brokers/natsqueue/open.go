package natsqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/pitabwire/natspubsub"
	"github.com/pitabwire/natspubsub/connections"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
)

// Schemes of the URLs. Both mean the same; the second one says that it is JetStream, as
// nats:// does not.
const (
	Scheme          = "nats"
	SchemeJetStream = "nats+js"
)

// credentials is the variable with the name of a file of credentials, if there is one.
const credentials = "NATS_CREDENTIALS_FILE"

// Options; nil means the defaults.
type Options struct {
	// Logger of what the connection has to say. Default slog.Default().
	Logger *slog.Logger
}

// OpenTopic opens nats://HOST:PORT/SUBJECT?stream=NAME on JetStream, or nats+js://, which
// is the same. A stream that is there is used as it is. One that is not is made: in
// files, with work-queue retention, so that a message is gone once it is acknowledged. A
// user and a password may be in the URL; NATS_CREDENTIALS_FILE names a file of
// credentials.
//
// A wake-up is sent once JetStream has stored it. Order needs no options of the
// Publisher, and they are nil. The topic is the caller's to shut down; that closes its
// connection.
func OpenTopic(ctx context.Context, url string, opts *Options) (*pubsub.Topic, *queue.PublisherOptions, error) {
	t, err := parse(url, opts, "stream")
	if err != nil {
		return nil, nil, fmt.Errorf("natsqueue: open topic: %w", err)
	}
	connector, err := t.connect()
	if err != nil {
		return nil, nil, fmt.Errorf("natsqueue: open topic: %w", err)
	}
	topic, err := natspubsub.OpenTopic(ctx, connector, &connections.TopicOptions{Subject: t.subject, StreamConfig: t.stream()})
	if err != nil {
		return nil, nil, fmt.Errorf("natsqueue: open topic: %w", errors.Join(err, connector.ConfirmClose()))
	}
	return topic, nil, nil
}

// OpenSubscription reads nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME, and returns
// the Opener of it. The durable consumer is made, or changed to what is needed; the
// stream is as for [OpenTopic].
func OpenSubscription(ctx context.Context, url string, opts *Options) (queue.Opener, error) {
	s, err := parse(url, opts, "consumer", "stream")
	if err != nil {
		return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
	}
	first, err := s.subscribe(ctx) // to see whether it can be had
	if err == nil {
		err = first.Shutdown(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
	}
	return queue.Reopen(s.subscribe), nil
}

// address is what a URL says.
type address struct {
	server, subject, name, consumer string
	log                             *slog.Logger
}

// natsName is what JetStream takes for a stream or a consumer.
var natsName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

func parse(raw string, opts *Options, known ...string) (*address, error) {
	u, err := brokerurl.Parse(raw, []string{Scheme, SchemeJetStream}, known...)
	if err != nil {
		return nil, err
	}
	a := &address{
		server:  strings.Replace(u.Server, SchemeJetStream+"://", Scheme+"://", 1), // as the client knows it
		subject: u.Path, name: u.Params.Get("stream"), consumer: u.Params.Get("consumer"), log: slog.Default(),
	}
	if opts != nil && opts.Logger != nil {
		a.log = opts.Logger
	}
	if u.Host == "" || a.subject == "" || strings.ContainsAny(a.subject, " /*>") {
		return nil, errors.New("the URL must be nats://HOST:PORT/SUBJECT")
	}
	for _, p := range known {
		if !natsName.MatchString(u.Params.Get(p)) {
			return nil, fmt.Errorf("the URL needs the parameter %s, the name of one, of letters, digits, - and _", p)
		}
	}
	return a, nil
}

// connect connects for one topic or subscription, which closes it.
func (a *address) connect() (connections.Connector, error) {
	options := []nats.Option{
		nats.Name("fhirdock"), nats.Timeout(5 * time.Second),
		nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.PingInterval(10 * time.Second),
		// A wake-up that can't be sent now is the sweeper's: nobody waits for it.
		nats.ReconnectBufSize(-1),
		// Without this the client prints them.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			a.log.Warn("connection to NATS", "error", err.Error())
		}),
	}
	if file := os.Getenv(credentials); file != "" {
		options = append(options, nats.UserCredentials(file))
	}
	conn, err := nats.Connect(a.server, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	js, err := connections.NewJetstream(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return connections.WrapConnection(js), nil
}

func (a *address) stream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: a.name, Subjects: []string{a.subject}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
	}
}

func (a *address) subscribe(ctx context.Context) (*pubsub.Subscription, error) {
	connector, err := a.connect()
	if err != nil {
		return nil, err
	}
	sub, err := natspubsub.OpenSubscription(ctx, connector, &connections.SubscriptionOptions{
		Subject: a.subject, StreamConfig: a.stream(),
		ConsumerConfig: jetstream.ConsumerConfig{
			Name: a.consumer, Durable: a.consumer, FilterSubject: a.subject, AckPolicy: jetstream.AckExplicitPolicy,
			// A wake-up is acknowledged when its job's attempt is over. That it
			// comes again before then does no harm and no good: the sweeper is
			// there for workers that die.
			AckWait: 5 * time.Minute,
		},
		// A request for messages that was under way when the connection was lost is
		// waited for that long.
		ReceiveWaitTimeOut: time.Second,
		// None is taken ahead: it would wait here while another process is idle.
		ReceiveBatchConfig: connections.BatchOptions{MaxHandlers: 1, MaxBatchSize: 1},
	})
	if err != nil {
		return nil, errors.Join(err, connector.ConfirmClose())
	}
	return sub, nil
}
