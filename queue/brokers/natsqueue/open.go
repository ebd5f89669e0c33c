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

// Schemes of the URLs. Both mean the same; the second one says that it is JetStream, as
// nats:// does not.
const (
	Scheme          = "nats"
	SchemeJetStream = "nats+js"
)

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
// A wake-up is sent once JetStream has stored it. A stream that was deleted is made
// again. A server that is away is no error: messages are refused until it is there.
// Order needs no options of the Publisher, and they are nil. The topic is the caller's
// to shut down; that closes its connection.
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

// OpenSubscription reads nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME, and returns
// the Opener of it. The durable consumer is made, or changed to what is needed, and made
// again if it was deleted; the stream is as for [OpenTopic]. A server that is away is no
// error.
func OpenSubscription(ctx context.Context, url string, opts *Options) (queue.Opener, error) {
	s, err := parse(url, opts, "consumer", "stream")
	if err != nil {
		return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
	}
	open := func(ctx context.Context) (*pubsub.Subscription, error) { return openSubscription(ctx, s) }
	first, err := open(ctx) // to see whether it can be had
	switch {
	case err == nil:
		if err := first.Shutdown(ctx); err != nil {
			return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
		}
	case !away(err):
		return nil, fmt.Errorf("natsqueue: open subscription: %w", err)
	}
	return queue.Reopen(open), nil
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
