package ingest_test

import (
	"gocloud.dev/pubsub"
	_ "modernc.org/sqlite" // for tests on a real database

	"github.com/fhirdock/fhirdock/queue"
)

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
