package faulttest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/queue"
)

// receive sends three messages through a topic and a subscription with faults, and returns
// the received ones. It opens the subscription again each time it breaks.
func receive(t *testing.T, plan faulttest.Plan) (got []string) {
	t.Helper()
	topic, inner := local(nil)
	faulty := faulttest.Topic(topic, plan)
	var opened []*pubsub.Subscription
	open := func() *pubsub.Subscription {
		opened = append(opened, faulttest.Subscription(inner, plan))
		return opened[len(opened)-1]
	}
	sub := open()
	take := func(wait time.Duration) {
		for {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			m, err := sub.Receive(ctx)
			over := ctx.Err() != nil
			cancel()
			switch {
			case err == nil:
				got = append(got, m.Metadata["jobId"])
				m.Ack()
				synctest.Wait()
			case over:
				return
			default:
				require.NoError(t, sub.Shutdown(t.Context()))
				sub = open()
			}
		}
	}
	for _, id := range []string{"1", "2", "3"} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_ = must(queue.NewPublisher(faulty, nil)).Publish(ctx, queue.Message{JobID: id})
		cancel()
		take(10 * time.Millisecond)
	}
	take(10 * time.Second)
	end, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = faulty.Shutdown(end)
	_ = sub.Shutdown(end)
	require.NoError(t, topic.Shutdown(t.Context()))
	require.NoError(t, inner.Shutdown(t.Context()))
	synctest.Wait()
	for _, s := range append(opened, inner) {
		unstick(s)
	}
	return got
}

func TestFaultsOfMessages(t *testing.T) {
	for _, c := range []struct {
		kind  faulttest.Kind
		fault faulttest.Fault
		want  []string
	}{
		{faulttest.TopicSend, faulttest.None, []string{"1", "2", "3"}},
		{faulttest.TopicSend, faulttest.Before, []string{"1", "3"}},
		{faulttest.TopicSend, faulttest.After, []string{"1", "2", "3"}},
		{faulttest.TopicSend, faulttest.Hang, []string{"1", "3"}},
		{faulttest.TopicSend, faulttest.Double, []string{"1", "2", "2", "3"}},
		{faulttest.TopicSend, faulttest.Drop, []string{"1", "3"}},
		{faulttest.TopicSend, faulttest.Delay, []string{"1", "3", "2"}},
		{faulttest.SubscriptionReceive, faulttest.Before, []string{"1", "2", "3"}}, // it is redelivered
		{faulttest.SubscriptionReceive, faulttest.After, []string{"1", "3"}},
		{faulttest.SubscriptionReceive, faulttest.Double, []string{"1", "2", "2", "3"}},
		{faulttest.SubscriptionReceive, faulttest.Drop, []string{"1", "3"}},
		{faulttest.SubscriptionReceive, faulttest.Delay, []string{"1", "3", "2"}},
	} {
		t.Run(fmt.Sprint(c.kind, " ", c.fault), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, c.want, receive(t, faulttest.NthCall(c.kind, 2, c.fault)))
			})
		})
	}
}

// A delayed message arrives even if no other one follows.
func TestADelayedMessageComesAlone(t *testing.T) {
	for _, kind := range []faulttest.Kind{faulttest.TopicSend, faulttest.SubscriptionReceive} {
		synctest.Test(t, func(t *testing.T) {
			got := receive(t, faulttest.NthCall(kind, 3, faulttest.Delay))
			slices.Sort(got)
			require.Equal(t, []string{"1", "2", "3"}, got, kind)
		})
	}
}
