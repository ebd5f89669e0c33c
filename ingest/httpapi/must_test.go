package httpapi_test

import (
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// local is a queue in memory, of options that work.
func local(opts *queue.LocalOptions) (*pubsub.Topic, *pubsub.Subscription) {
	topic, subscription, err := queue.NewLocal(opts)
	if err != nil {
		panic(err)
	}
	return topic, subscription
}
