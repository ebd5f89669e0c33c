package rabbitqueue

import (
	"context"
	"net/url"
	"path"

	"github.com/fhirdock/fhirdock/queue"
)

func init() {
	queue.DefaultURLMux().Register(Scheme, URLOpener{})
}

// URLOpener opens URLs as [OpenTopic] and [OpenSubscription] do. Importing this package
// registers it with [queue.DefaultURLMux] for rabbit://.
type URLOpener struct{}

// OpenPublisherURL implements [queue.URLOpener].
func (URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (*queue.Publisher, error) {
	topic, publishing, err := OpenTopic(ctx, naming(urlstr, "queue", opts.Peer))
	if err != nil {
		return nil, err
	}
	return queue.NewPublisher(topic, publishing)
}

// OpenSubscriptionURL implements [queue.URLOpener].
func (URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (queue.Opener, error) {
	return OpenSubscription(ctx, naming(urlstr, "exchange", opts.Peer))
}

// naming adds the name in the peer's URL as a parameter, so that whichever is opened first
// binds the exchange and the queue. It keeps an existing parameter, and a malformed URL for
// the opener to report.
func naming(urlstr, parameter, peer string) string {
	u, err := url.Parse(urlstr)
	if err != nil || peer == "" || u.Query().Has(parameter) {
		return urlstr
	}
	p, err := url.Parse(peer)
	if err != nil {
		return urlstr
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += url.Values{parameter: {path.Join(p.Host, p.Path)}}.Encode()
	return u.String()
}
