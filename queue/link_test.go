package queue_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue"
)

// A program may start before its broker and outlive it. The loss is known, and reported
// once.
func TestConsumerWithoutItsBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards told and logs
		var told []string
		var logs bytes.Buffer
		var lasts atomic.Int64
		lasts.Store(int64(time.Hour))
		away := errors.New("not reachable")
		up := time.Now().Add(time.Minute)
		open := func(context.Context) (*pubsub.Subscription, error) {
			if time.Now().Before(up) {
				return nil, away
			}
			return pubsub.NewSubscription(&idle{after: time.Duration(lasts.Load())}, nil, nil), nil
		}
		c := must(queue.NewConsumer(queue.Reopen(open), &queue.ConsumerOptions{
			Logger: slog.New(slog.NewTextHandler(locked{&mu, &logs}, nil)),
			Observe: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					told = append(told, "open")
				} else {
					told = append(told, "lost")
				}
			},
		}))
		require.ErrorContains(t, c.Err(), "not open yet")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx, func(context.Context, queue.Message) {}) }()
		time.Sleep(50 * time.Second)
		require.ErrorIs(t, c.Err(), away)
		time.Sleep(10*time.Second + 5*time.Second + 2*time.Second) // the longest pause, and the time until the subscription counts as open
		synctest.Wait()
		require.NoError(t, c.Err())
		said := func(text string) int {
			mu.Lock()
			defer mu.Unlock()
			return strings.Count(logs.String(), text)
		}
		require.Equal(t, 1, said("no subscription"))
		require.Equal(t, 1, said("open again"))

		// A subscription that can be opened but breaks at once does not count.
		lasts.Store(int64(time.Millisecond))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.ErrorContains(t, c.Err(), "connection closed")
		require.Equal(t, 2, said("no subscription"))
		stop()
		require.NoError(t, <-ended)
		require.Equal(t, []string{"lost", "open", "lost"}, told)
	})
}

// locked is a log's writer that can be read meanwhile.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// Run ends while the broker is unreachable.
func TestConsumerEndsWithoutItsBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		open := func(context.Context) (*pubsub.Subscription, error) { return nil, errors.New("not reachable") }
		c := must(queue.NewConsumer(queue.Reopen(open), &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)}))
		require.NoError(t, c.Run(ctx, func(context.Context, queue.Message) {}))
	})
}
