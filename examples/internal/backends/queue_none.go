//go:build noaws || nogcp || noazure || nokafka

package backends

import (
	"context"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// queueless is a driver that was left out by a build tag.
func queueless(tag, importPath string) queueDriver {
	return queueDriver{
		topic: func(context.Context, Config, string) (*pubsub.Topic, *queue.PublisherOptions, error) {
			return nil, nil, leftOut(tag, importPath)
		},
		subscription: func(context.Context, Config, string) (queue.Opener, error) { return nil, leftOut(tag, importPath) },
	}
}
