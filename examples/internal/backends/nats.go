package backends

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/pitabwire/natspubsub"
	"github.com/pitabwire/natspubsub/connections"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// openNATS opens nats://HOST:PORT/SUBJECT?stream=NAME and
// nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME on JetStream. A stream that
// is there is used as it is. One that is not is made: in files, with work-queue
// retention, so that a message is gone once it is acknowledged. The consumer is
// made or changed to what is needed.
func (b *Backends) openNATS(ctx context.Context, c Config) error {
	log := c.Logger
	if log == nil {
		log = slog.Default()
	}
	t, err := parseNATS(c.Topic, log, "stream")
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	connector, err := t.connect()
	if err != nil {
		return fmt.Errorf("open the topic: %w", err)
	}
	topic, err := natspubsub.OpenTopic(ctx, connector, &connections.TopicOptions{Subject: t.subject, StreamConfig: t.stream()})
	if err != nil {
		return errors.Join(fmt.Errorf("open the topic: %w", err), connector.ConfirmClose())
	}
	b.Topic = topic
	b.closeLater(topic.Shutdown) // which closes the connection
	if c.Subscription == "" {
		return nil
	}
	s, err := parseNATS(c.Subscription, log, "stream", "consumer")
	if err != nil {
		return fmt.Errorf("open the subscription: %w", err)
	}
	b.Subscription = queue.Reopen(s.subscribe)
	return nil
}

// address is what a URL says.
type address struct {
	server, subject, name, consumer string
	log                             *slog.Logger
}

// natsName is what JetStream takes for a stream or a consumer.
var natsName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

func parseNATS(s string, log *slog.Logger, known ...string) (*address, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("the URL is malformed") // what it says, a password may be in
	}
	params, err := parameters(u, known...)
	if err != nil {
		return nil, err
	}
	a := &address{
		server: (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String(), subject: strings.Trim(u.Path, "/"),
		name: params.Get("stream"), consumer: params.Get("consumer"), log: log,
	}
	if u.Host == "" || a.subject == "" || strings.ContainsAny(a.subject, " /*>") {
		return nil, errors.New("the URL must be nats://HOST:PORT/SUBJECT")
	}
	for _, p := range known {
		if !natsName.MatchString(params.Get(p)) {
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
	if file := os.Getenv("NATS_CREDENTIALS_FILE"); file != "" {
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

// parameters are those of a URL, if all of them are known and none is there twice.
func parameters(u *url.URL, known ...string) (url.Values, error) {
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the URL's parameters are malformed")
	}
	for name, values := range params {
		if !slices.Contains(known, name) || len(values) != 1 {
			return nil, fmt.Errorf("the URL takes these parameters, once: %s", strings.Join(known, ", "))
		}
	}
	return params, nil
}
