package queue_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/mempubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// A dead letter is left to a broker that moves it to a dead-letter queue, and otherwise
// acknowledged.
func TestDeadLetters(t *testing.T) {
	for name, left := range map[string]bool{"left to the broker": true, "acknowledged": false} {
		t.Run(name, func(t *testing.T) {
			topic := mempubsub.NewTopic()
			defer func() { require.NoError(t, topic.Shutdown(context.Background())) }()
			sub := mempubsub.NewSubscription(topic, 20*time.Millisecond) // until redelivery
			defer func() { require.NoError(t, sub.Shutdown(context.Background())) }()
			opener := queue.Static(sub)
			if left {
				opener = queue.DeadLetters(opener)
			}
			require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("top-secret-payload")}))
			require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("last")}))
			var calls atomic.Int64
			var log bytes.Buffer
			long := 300 * time.Millisecond
			if left {
				long = 20 * time.Second // the handler stops it
			}
			ctx, stop := context.WithTimeout(t.Context(), long)
			defer stop()
			c, err := queue.NewConsumer(opener, &queue.ConsumerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			require.NoError(t, err)
			require.NoError(t, c.RunRaw(ctx, func(_ context.Context, m queue.Raw) error {
				if string(m.Body) == "last" {
					return nil
				}
				if calls.Add(1) == 4 {
					stop()
				}
				return fmt.Errorf("%w: test error", queue.ErrDeadLetter)
			}))
			if left {
				require.EqualValues(t, 4, calls.Load(), "the broker counts its deliveries")
			} else {
				require.EqualValues(t, 1, calls.Load())
			}
			require.Contains(t, log.String(), "level=WARN")
			require.Contains(t, log.String(), "test error")
			require.NotContains(t, log.String(), "top-secret")
		})
	}
}
