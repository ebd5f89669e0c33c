package brokerservers

import (
	"context"
	"fmt"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
)

// AckDeadline of the subscription of [PubSub], in seconds. It is the shortest that
// Pub/Sub takes.
const AckDeadline = 10

// PubSub starts Google's own fake of Pub/Sub in this process, on a port. It has one
// topic, and a subscription with ordering.
func PubSub(ctx context.Context, _ string) (*Broker, error) {
	s := pstest.NewServer()
	const topic, subscription = "projects/test/topics/wakeups", "projects/test/subscriptions/workers"
	if _, err := s.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
		return nil, fmt.Errorf("pstest: %w", err)
	}
	if _, err := s.GServer.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name: subscription, Topic: topic, AckDeadlineSeconds: AckDeadline, EnableMessageOrdering: true,
	}); err != nil {
		return nil, fmt.Errorf("pstest: %w", err)
	}
	return &Broker{
		Name: "pstest, Google's own fake of Pub/Sub", Address: s.Addr,
		Env:   map[string]string{"PUBSUB_EMULATOR_HOST": s.Addr},
		Topic: "gcppubsub://" + topic, Subscription: "gcppubsub://" + subscription,
		PubSub: s, stop: s.Close,
	}, nil
}
