package httpapi_test

import (
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// local returns an in-memory queue.
func local(opts *queue.LocalOptions) (*pubsub.Topic, *pubsub.Subscription) {
	topic, subscription, err := queue.NewLocal(opts)
	if err != nil {
		panic(err)
	}
	return topic, subscription
}
