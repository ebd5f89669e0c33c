package brokerservers

import (
	"context"
	"fmt"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
)

// AckDeadline of [PubSub]'s subscription in seconds, the shortest that Pub/Sub allows.
const AckDeadline = 10

// PubSub starts Google's own fake of Pub/Sub in this process, with one topic and a
// subscription with ordering.
func PubSub(ctx context.Context, _ string) (*Broker, error) {
	b := &Broker{}
	s := pstest.NewServer(
		pstest.ServerReactorOption{FuncName: "Publish", Reactor: reactor(func(any) { b.Publishes.Add(1) })},
		pstest.ServerReactorOption{FuncName: "Pull", Reactor: reactor(func(request any) {
			b.Pulls.Add(1)
			//lint:ignore SA1019 the test looks for the deprecated field
			if r, ok := request.(*pubsubpb.PullRequest); ok && r.ReturnImmediately {
				b.AtOnce.Add(1)
			}
		})},
	)
	const topic, subscription = "projects/test/topics/wakeups", "projects/test/subscriptions/workers"
	if _, err := s.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: topic}); err != nil {
		return nil, fmt.Errorf("pstest: %w", err)
	}
	if _, err := s.GServer.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name: subscription, Topic: topic, AckDeadlineSeconds: AckDeadline, EnableMessageOrdering: true,
	}); err != nil {
		return nil, fmt.Errorf("pstest: %w", err)
	}
	b.Name, b.Address, b.PubSub, b.stop = "pstest, Google's own fake of Pub/Sub", s.Addr, s, s.Close
	b.Env = map[string]string{"PUBSUB_EMULATOR_HOST": s.Addr}
	b.Topic, b.Subscription = "gcppubsub://"+topic, "gcppubsub://"+subscription
	return b, nil
}

// reactor observes the requests of a kind, which the fake then handles.
type reactor func(request any)

func (see reactor) React(request any) (handled bool, answer any, err error) {
	see(request)
	return false, nil, nil
}
