package queue

import (
	"context"
	"log/slog"
	"reflect"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

// URLOpener opens the topics and subscriptions of a scheme's URLs. Drivers implement it.
// An unknown parameter of a URL is an error; a broker that can't be reached is none, since
// programs may start before it.
type URLOpener interface {
	OpenPublisherURL(ctx context.Context, urlstr string, opts *OpenOptions) (*Publisher, error)
	OpenSubscriptionURL(ctx context.Context, urlstr string, opts *OpenOptions) (Opener, error)
}

// OpenOptions; nil, and zero fields, mean the defaults.
type OpenOptions struct {
	// Peer is the URL of the subscription, for a topic, or of the topic, for a
	// subscription, if the program opens both. RabbitMQ's driver binds the queue to the
	// exchange. Default: none.
	Peer string
	// Logger; default slog.Default().
	Logger *slog.Logger
}

// URLMux maps the schemes of URLs to openers. It is safe for concurrent use.
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

// DefaultURLMux returns the mux that drivers register with when they are imported.
func DefaultURLMux() *URLMux { return defaultURLMux }

// Register sets the opener of a scheme. It panics if the scheme has one. Schemes whose
// openers are of one type belong to one broker, such as awssns and awssqs.
func (m *URLMux) Register(scheme string, opener URLOpener) { m.mux.Register(scheme, opener) }

// OpenPublisher opens the topic of a URL. The error names the package to import if no
// driver is registered for its scheme. Shut the Publisher down after use.
func (m *URLMux) OpenPublisher(ctx context.Context, urlstr string, opts *OpenOptions) (*Publisher, error) {
	opener, err := m.mux.Lookup(urlstr)
	if err != nil {
		return nil, err
	}
	return opener.OpenPublisherURL(ctx, urlstr, opts.withDefaults())
}

// OpenSubscription returns an Opener of the subscription of a URL, as OpenPublisher does.
// It opens nothing that must be closed.
func (m *URLMux) OpenSubscription(ctx context.Context, urlstr string, opts *OpenOptions) (Opener, error) {
	opener, err := m.mux.Lookup(urlstr)
	if err != nil {
		return nil, err
	}
	return opener.OpenSubscriptionURL(ctx, urlstr, opts.withDefaults())
}

// SameBroker reports whether two URLs are of one broker; see Register. It is an error
// if either has none.
func (m *URLMux) SameBroker(a, b string) (bool, error) {
	first, err := m.mux.Lookup(a)
	if err != nil {
		return false, err
	}
	second, err := m.mux.Lookup(b)
	return err == nil && reflect.TypeOf(first) == reflect.TypeOf(second), err
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
