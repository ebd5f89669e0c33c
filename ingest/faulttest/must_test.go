package faulttest_test

import (
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// must is for calls that can't fail in a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// local returns an in-memory queue.
func local(opts *queue.LocalOptions) (*pubsub.Topic, *pubsub.Subscription) {
	topic, subscription, err := queue.NewLocal(opts)
	if err != nil {
		panic(err)
	}
	return topic, subscription
}
