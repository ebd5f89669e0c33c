package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/queue"
)

func TestRunRawPassesMessagesUnchanged(t *testing.T) {
	each(t, func(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription) {
		require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("no wake-up"), Metadata: map[string]string{"eventType": "x"}}))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		require.NoError(t, must(queue.NewConsumer(queue.Static(sub), nil)).RunRaw(ctx, func(ctx context.Context, m queue.Raw) error {
			stop()
			require.NoError(t, ctx.Err(), "the handler's context is not cancelled with RunRaw's")
			require.Equal(t, queue.Raw{Body: []byte("no wake-up"), Metadata: map[string]string{"eventType": "x"}}, m)
			return nil
		}))
	})
}

// A message whose handler fails is redelivered until it is handled, by any consumer.
func TestRunRawHandlesEventually(t *testing.T) {
	each(t, func(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription) {
		const n = 50
		for i := range n {
			require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: fmt.Append(nil, i)}))
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var mu sync.Mutex
		done := map[string]int{}
		calls := 0
		c := must(queue.NewConsumer(queue.Static(sub), &queue.ConsumerOptions{Concurrency: 4, MinBackoff: time.Millisecond, Logger: slog.New(slog.DiscardHandler)}))
		require.NoError(t, c.RunRaw(ctx, func(_ context.Context, m queue.Raw) error {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls <= 20 {
				return errors.New("unavailable")
			}
			if done[string(m.Body)]++; len(done) == n {
				stop()
			}
			return nil
		}))
		for body, times := range done {
			require.Equal(t, 1, times, body)
		}
	})
}

func TestRunRawOutlivesPanics(t *testing.T) {
	topic, sub := local(nil)
	defer shutdown(t, topic, sub)
	for range 3 {
		require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("x")}))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var logs bytes.Buffer
	calls := 0
	c := must(queue.NewConsumer(queue.Static(sub), &queue.ConsumerOptions{Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
	require.NoError(t, c.RunRaw(ctx, func(context.Context, queue.Raw) error {
		if calls++; calls == 3 {
			stop()
		}
		panic("secret")
	}))
	require.Equal(t, 3, calls, "each message is delivered once")
	require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("the next")}))
	next, err := sub.Receive(t.Context())
	require.NoError(t, err)
	next.Ack()
	require.Equal(t, "the next", string(next.Body), "no message was given back")
	require.NotContains(t, logs.String(), "secret")
	require.Contains(t, logs.String(), "panicked")
	require.NotContains(t, logs.String(), "(0x", "the stack has no arguments")
}

// settled is a broker with one message, which it redelivers at once when it is given back.
type settled struct {
	broken
	canNack      bool
	waiting      chan struct{}
	acks, nacks  atomic.Int32
	deliverAgain bool
}

func newSettled(canNack bool) *settled {
	s := &settled{canNack: canNack, waiting: make(chan struct{}, 1), deliverAgain: true}
	s.waiting <- struct{}{}
	return s
}

func (s *settled) ReceiveBatch(ctx context.Context, _ int) ([]*driver.Message, error) {
	select {
	case <-s.waiting:
		return []*driver.Message{{LoggableID: "1", Body: []byte("x"), AckID: 1, AsFunc: func(any) bool { return false }}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *settled) CanNack() bool { return s.canNack }
func (s *settled) Close() error  { return nil }

func (s *settled) SendAcks(context.Context, []driver.AckID) error {
	s.acks.Add(1)
	return nil
}

func (s *settled) SendNacks(context.Context, []driver.AckID) error {
	s.nacks.Add(1)
	if s.deliverAgain {
		s.waiting <- struct{}{}
	}
	return nil
}

// run runs a consumer of s until the test stops it. Its handler fails for as long as until
// says; its calls are counted.
func (s *settled) run(ctx context.Context, t *testing.T, until time.Duration) (calls *atomic.Int32, done chan struct{}) {
	calls, done = new(atomic.Int32), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		c := must(queue.NewConsumer(queue.Reopen(func(context.Context) (*pubsub.Subscription, error) {
			return pubsub.NewSubscription(s, nil, nil), nil
		}), &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)}))
		if err := c.RunRaw(ctx, func(context.Context, queue.Raw) error {
			calls.Add(1)
			if time.Since(began) < until {
				return errors.New("unavailable")
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}()
	return calls, done
}

// A broker that redelivers at once causes no hot loop while a dependency is down for an
// hour.
func TestRunRawCausesNoHotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSettled(true)
		ctx, stop := context.WithCancel(t.Context())
		calls, done := s.run(ctx, t, time.Hour)
		time.Sleep(time.Hour + time.Minute)
		require.EqualValues(t, 1, s.acks.Load(), "it was handled eventually")
		require.Greater(t, s.nacks.Load(), int32(100))
		require.Less(t, s.nacks.Load(), int32(1201), "at most one in 3 seconds")
		require.Less(t, calls.Load(), 10*s.nacks.Load())
		stop()
		<-done
	})
}

// A driver that can't give back gets no Nack, which would panic: the message is held for a
// while, and then acknowledged so that the others go on.
func TestRunRawWithoutNack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSettled(false)
		ctx, stop := context.WithCancel(t.Context())
		calls, done := s.run(ctx, t, time.Minute)
		time.Sleep(59 * time.Second)
		require.Zero(t, s.acks.Load(), "it is held")
		before := calls.Load()
		require.Greater(t, before, int32(5))
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, s.acks.Load())
		require.Greater(t, calls.Load(), before)
		stop()
		<-done
		require.Zero(t, s.nacks.Load())
	})
	synctest.Test(t, func(t *testing.T) { // the dependency stays down
		s := newSettled(false)
		ctx, stop := context.WithCancel(t.Context())
		_, done := s.run(ctx, t, time.Hour)
		time.Sleep(10 * time.Minute)
		require.EqualValues(t, 1, s.acks.Load(), "it does not hold up later messages")
		require.Zero(t, s.nacks.Load())
		stop()
		<-done
	})
}

// At the end no message is held, and none is acknowledged without having been handled.
func TestRunRawEnds(t *testing.T) {
	for _, canNack := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newSettled(canNack)
			s.deliverAgain = false
			ctx, stop := context.WithCancel(t.Context())
			_, done := s.run(ctx, t, time.Hour)
			time.Sleep(time.Second)
			stopped := time.Now()
			stop()
			<-done
			require.Equal(t, stopped, time.Now(), "at once")
			require.Zero(t, s.acks.Load())
			want := int32(0)
			if canNack {
				want = 1
			}
			require.Equal(t, want, s.nacks.Load())
		})
	}
}

func ExampleConsumer_RunRaw() {
	topic, subscription, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	if err := topic.Send(ctx, &pubsub.Message{Body: []byte("of any content")}); err != nil {
		panic(err)
	}
	down := true
	consumer, err := queue.NewConsumer(queue.Static(subscription), &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	err = consumer.RunRaw(ctx, func(_ context.Context, m queue.Raw) error {
		if down {
			down = false
			return errors.New("a dependency is down for a moment")
		}
		fmt.Println(string(m.Body))
		stop()
		return nil
	})
	fmt.Println(err)
	// Output:
	// of any content
	// <nil>
}

// A handler that only passes wake-ups on is not held up by messages that are being
// retried.
func TestRunRawPassesHeldMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic, sub := local(nil)
		ctx, stop := context.WithCancel(t.Context())
		acked, ended := make(chan time.Time, 100), make(chan error, 1)
		var back atomic.Bool
		began := time.Now()
		go func() {
			c := must(queue.NewConsumer(queue.Static(sub), &queue.ConsumerOptions{Concurrency: 2, Logger: slog.New(slog.DiscardHandler)}))
			ended <- c.RunRaw(ctx, func(_ context.Context, m queue.Raw) error {
				switch {
				case string(m.Body) != "foreign":
					acked <- time.Now()
				case !back.Load():
					return errors.New("unavailable")
				}
				return nil
			})
		}()
		require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("foreign")}))
		for range 100 {
			require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte(`{"jobId":"a"}`)}))
		}
		for range 100 {
			require.Equal(t, began, <-acked)
		}
		back.Store(true)
		time.Sleep(10 * time.Second)
		stop()
		require.NoError(t, <-ended)
		shutdown(t, topic, sub)
	})
}
