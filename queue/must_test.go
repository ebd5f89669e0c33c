package queue_test

import (
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// must returns v and panics on an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// local returns an in-memory queue. It panics on invalid options.
func local(opts *queue.LocalOptions) (*pubsub.Topic, *pubsub.Subscription) {
	topic, subscription, err := queue.NewLocal(opts)
	if err != nil {
		panic(err)
	}
	return topic, subscription
}
