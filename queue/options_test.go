package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// Constructors fail for invalid options and name the option.
func TestOptionsThatCannotWork(t *testing.T) {
	_, _, err := queue.NewLocal(&queue.LocalOptions{Capacity: -5})
	require.ErrorContains(t, err, "LocalOptions.Capacity")

	_, err = queue.NewPublisher(nil, nil)
	require.ErrorContains(t, err, "needs a topic")

	opener := queue.Reopen(func(context.Context) (*pubsub.Subscription, error) { return nil, context.Canceled })
	for want, o := range map[string]*queue.ConsumerOptions{
		"Concurrency":                {Concurrency: -1},
		"MinBackoff and MaxBackoff":  {MinBackoff: -1},
		"MaxBackoff must not be neg": {MaxBackoff: -1},
		"not be above MaxBackoff":    {MinBackoff: 2 * time.Second, MaxBackoff: time.Second},
	} {
		_, err := queue.NewConsumer(opener, o)
		require.ErrorContains(t, err, want)
	}
	for name, o := range map[string]*queue.ConsumerOptions{
		"defaults":       nil,
		"a long minimum": {MinBackoff: time.Minute},
		"a short maximum": {
			MaxBackoff: time.Millisecond,
		},
	} {
		_, err := queue.NewConsumer(opener, o)
		require.NoError(t, err, name)
	}
}

// These used to panic in Run.
func TestAConsumerNeedsAnOpenerAndAFunction(t *testing.T) {
	for name, opener := range map[string]queue.Opener{
		"none": nil, "Static": queue.Static(nil), "Reopen": queue.Reopen(nil), "ReopenWith": queue.ReopenWith(nil),
		"DeadLetters": queue.DeadLetters(nil), "DeadLetters of Static": queue.DeadLetters(queue.Static(nil)),
	} {
		_, err := queue.NewConsumer(opener, nil)
		require.ErrorContains(t, err, "queue: ", name)
	}
	topic, subscription := local(nil)
	defer topic.Shutdown(t.Context())
	defer subscription.Shutdown(t.Context())
	c := must(queue.NewConsumer(queue.Static(subscription), nil))
	require.ErrorContains(t, c.Run(t.Context(), nil), "need a function")
	require.ErrorContains(t, c.RunRaw(t.Context(), nil), "need a function")
}
