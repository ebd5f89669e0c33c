package kafkaqueue

import (
	"context"

	"github.com/fhirdock/fhirdock/queue"
)

func init() {
	queue.DefaultURLMux().Register(Scheme, URLOpener{})
}

// URLOpener opens URLs as [OpenTopic] and [OpenSubscription] do. Importing this package
// registers it with [queue.DefaultURLMux] for kafka://.
type URLOpener struct{}

// OpenPublisherURL implements [queue.URLOpener].
func (URLOpener) OpenPublisherURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (*queue.Publisher, error) {
	topic, publishing, err := OpenTopic(ctx, urlstr, nil)
	if err != nil {
		return nil, err
	}
	return queue.NewPublisher(topic, publishing)
}

// OpenSubscriptionURL implements [queue.URLOpener].
func (URLOpener) OpenSubscriptionURL(ctx context.Context, urlstr string, opts *queue.OpenOptions) (queue.Opener, error) {
	return OpenSubscription(ctx, urlstr, nil)
}
