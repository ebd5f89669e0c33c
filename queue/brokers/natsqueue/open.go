package natsqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
)

// Schemes of the URLs. Both mean the same; the second one makes JetStream explicit.
const (
	Scheme          = "nats"
	SchemeJetStream = "nats+js"
)

// Options configures [OpenTopic] and [OpenSubscription]. Nil means the defaults.
type Options struct {
	// Logger receives events of the connection. Default slog.Default().
	Logger *slog.Logger
}

// OpenTopic opens nats://HOST:PORT/SUBJECT?stream=NAME, or nats+js:// with the same rest,
// on JetStream. An existing stream is used as it is. A missing one is created, with file
// storage and work-queue retention, so that acknowledged messages are removed. The URL may
// contain a user and a password; the environment variable NATS_CREDENTIALS_FILE names a
// credentials file.
//
// Send returns once JetStream has stored the message. A stream that was deleted is created
// again. An unreachable server is not an error; sending fails until it is back. Order
// needs no options of the Publisher, so they are nil. The caller must shut down the topic,
// which closes its connection.
func OpenTopic(ctx context.Context, url string, opts *Options) (*pubsub.Topic, *queue.PublisherOptions, error) {
	t, err := parse(url, opts, "stream")
	if err != nil {
		return nil, nil, fmt.Errorf("natsqueue: open topic: %w", err)
	}
	topic, err := openTopic(ctx, t)
	if err != nil {
		return nil, nil, fmt.Errorf("natsqueue: open topic: %w", err)
	}
	return topic, nil, nil
}

// OpenSubscription opens nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME and returns an
// Opener for it. The durable consumer is created, updated to the configuration in README.md,
// and created again if it was deleted. The stream is as for [OpenTopic]. An unreachable
// server is not an error.
func OpenSubscription(ctx context.Context, url string, opts *Options) (queue.Opener, error) {
	s, err := parse(url, opts, "consumer", "stream")
	if err != nil {
		return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
	}
	open := func(ctx context.Context) (*pubsub.Subscription, error) { return openSubscription(ctx, s) }
	first, err := open(ctx) // fail now rather than in the background
	switch {
	case err == nil:
		if err := first.Shutdown(ctx); err != nil {
			return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
		}
	case !unreachable(err):
		return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
	}
	return queue.Reopen(open), nil
}

// address is a parsed URL.
type address struct {
	server, subject, name, consumer string
	log                             *slog.Logger
}

// natsName matches the names that JetStream accepts for streams and consumers.
var natsName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

func parse(raw string, opts *Options, known ...string) (*address, error) {
	u, err := brokerurl.Parse(raw, []string{Scheme, SchemeJetStream}, known...)
	if err != nil {
		return nil, err
	}
	a := &address{
		server:  strings.Replace(u.Server, SchemeJetStream+"://", Scheme+"://", 1), // the client knows only this scheme
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
			return nil, fmt.Errorf("the URL needs the parameter %s: a name of letters, digits, - and _", p)
		}
	}
	return a, nil
}
