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

// Both schemes mean the same; the second one makes JetStream explicit.
const (
	scheme          = "nats"
	schemeJetStream = "nats+js"
)

func init() {
	queue.DefaultURLMux().Register(scheme, URLOpener{})
	queue.DefaultURLMux().Register(schemeJetStream, URLOpener{})
}

// URLOpener opens nats://HOST:PORT/SUBJECT?stream=NAME for sending and
// nats://HOST:PORT/SUBJECT?stream=NAME&consumer=NAME for receiving, or nats+js:// with the
// same rest, on JetStream. The URL may contain a user and a password; the environment
// variable NATS_CREDENTIALS_FILE names a credentials file. Importing this package registers
// it with [queue.DefaultURLMux].
//
// An existing stream is used as it is. A missing one is created, with file storage and
// work-queue retention, so that acknowledged messages are removed. One that was deleted is
// created again.
type URLOpener struct{}

// OpenPublisherURL implements [queue.URLOpener]. Sending returns once JetStream has stored
// the message.
func (URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (*queue.Publisher, error) {
	t, err := parse(urlstr, opts.Logger, "stream")
	if err != nil {
		return nil, fmt.Errorf("natsqueue: open topic: %w", err)
	}
	topic, err := openTopic(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("natsqueue: open topic: %w", err)
	}
	return queue.NewPublisher(topic, nil)
}

// OpenSubscriptionURL implements [queue.URLOpener]. The durable consumer is created, updated
// to the configuration in README.md, and created again if it was deleted.
func (URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (queue.Opener, error) {
	s, err := parse(urlstr, opts.Logger, "consumer", "stream")
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

func parse(raw string, log *slog.Logger, known ...string) (*address, error) {
	u, err := brokerurl.Parse(raw, []string{scheme, schemeJetStream}, known...)
	if err != nil {
		return nil, err
	}
	a := &address{
		server:  strings.Replace(u.Server, schemeJetStream+"://", scheme+"://", 1), // the client knows only this scheme
		subject: u.Path, name: u.Params.Get("stream"), consumer: u.Params.Get("consumer"), log: log,
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
