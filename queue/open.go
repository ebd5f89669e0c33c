package queue

import (
	"context"
	"log/slog"
	"reflect"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

// URLOpener opens topics and subscriptions from URLs of one scheme. Drivers implement it. A
// [URLMux] calls it with options that are not nil and have a Logger.
//
// An unknown URL parameter is an error that lists the known ones. An unreachable broker is
// not an error, since programs may start before their broker: sending fails until it is
// back, and a Consumer waits for it.
type URLOpener interface {
	OpenPublisherURL(ctx context.Context, urlstr string, opts *OpenOptions) (*Publisher, error)
	OpenSubscriptionURL(ctx context.Context, urlstr string, opts *OpenOptions) (Opener, error)
}

// OpenOptions of a topic or subscription; nil and zero fields mean the defaults.
type OpenOptions struct {
	// Peer is the URL of the subscription when opening a topic, and of the topic when
	// opening a subscription, if the program opens both. RabbitMQ's driver uses it to bind
	// the queue to the exchange. Default: none.
	Peer string
	// Logger. Default slog.Default().
	Logger *slog.Logger
}

// URLMux maps URL schemes to openers. It is safe for concurrent use.
type URLMux struct{ mux urlmux.Mux[URLOpener] }

// NewURLMux returns an empty URLMux, for programs that don't want a global registry.
func NewURLMux() *URLMux {
	const brokers = "github.com/fhirdock/fhirdock/queue/brokers/"
	return &URLMux{urlmux.Mux[URLOpener]{Package: "queue", Imports: map[string]string{
		"awssqs": brokers + "awsqueue", "awssns": brokers + "awsqueue", "gcppubsub": brokers + "gcpqueue",
		"azuresb": brokers + "azurequeue", "kafka": brokers + "kafkaqueue", "rabbit": brokers + "rabbitqueue",
		"nats": brokers + "natsqueue", "nats+js": brokers + "natsqueue",
		"postgres": "github.com/fhirdock/fhirdock/queue/pgnotify", "postgresql": "github.com/fhirdock/fhirdock/queue/pgnotify",
	}, BuiltIn: []string{"mem"}}}
}

var defaultURLMux = NewURLMux()

// DefaultURLMux returns the mux that [OpenPublisher] and [OpenSubscription] use. Drivers
// register with it when they are imported.
func DefaultURLMux() *URLMux { return defaultURLMux }

// Register sets the opener of a scheme. It panics if the scheme already has one. Schemes
// whose openers have the same type belong to the same broker, such as awssns and awssqs.
func (m *URLMux) Register(scheme string, opener URLOpener) { m.mux.Register(scheme, opener) }

// OpenPublisher opens the topic at a URL. If no driver is registered for its scheme, the
// error names the package to import. Shut the Publisher down after use.
func (m *URLMux) OpenPublisher(ctx context.Context, urlstr string, opts *OpenOptions) (*Publisher, error) {
	opener, err := m.mux.Lookup(urlstr)
	if err != nil {
		return nil, err
	}
	return opener.OpenPublisherURL(ctx, urlstr, opts.withDefaults())
}

// OpenSubscription returns an Opener for the subscription at a URL; errors are as for
// OpenPublisher. It opens nothing that must be closed.
func (m *URLMux) OpenSubscription(ctx context.Context, urlstr string, opts *OpenOptions) (Opener, error) {
	opener, err := m.mux.Lookup(urlstr)
	if err != nil {
		return nil, err
	}
	return opener.OpenSubscriptionURL(ctx, urlstr, opts.withDefaults())
}

// SameBroker reports whether two URLs belong to the same broker; see Register. It is an
// error if either has no driver.
func (m *URLMux) SameBroker(a, b string) (bool, error) {
	first, err := m.mux.Lookup(a)
	if err != nil {
		return false, err
	}
	second, err := m.mux.Lookup(b)
	return err == nil && reflect.TypeOf(first) == reflect.TypeOf(second), err
}

// OpenPublisher opens the topic at a URL with [DefaultURLMux].
func OpenPublisher(ctx context.Context, urlstr string, opts *OpenOptions) (*Publisher, error) {
	return defaultURLMux.OpenPublisher(ctx, urlstr, opts)
}

// OpenSubscription returns an Opener for the subscription at a URL with [DefaultURLMux].
func OpenSubscription(ctx context.Context, urlstr string, opts *OpenOptions) (Opener, error) {
	return defaultURLMux.OpenSubscription(ctx, urlstr, opts)
}

func (o *OpenOptions) withDefaults() *OpenOptions {
	d := OpenOptions{}
	if o != nil {
		d = *o
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	return &d
}
