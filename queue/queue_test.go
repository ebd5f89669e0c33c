package queue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/mempubsub"

	"github.com/fhirdock/fhirdock/queue"
)

var message = queue.Message{
	JobID: "0b6e2c1e-1111-4222-8333-444455556666", Bucket: "b", Key: "k", OrganizationID: "org", OrganizationName: "An Org",
	UserID: "u", Source: "webhook", FileSize: 7, Timestamp: time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("x", 3600)),
}

func TestMessage(t *testing.T) {
	body, err := message.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"jobId":"0b6e2c1e-1111-4222-8333-444455556666","bucket":"b","key":"k","organizationId":"org","organizationName":"An Org",
		"userId":"u","source":"webhook","fileSize":7,"timestamp":"2030-01-02T02:04:05.000000Z"}`, string(body))
	got, err := queue.Decode(body)
	require.NoError(t, err)
	want := message
	want.Timestamp = want.Timestamp.UTC()
	require.Equal(t, want, got)

	got, err = queue.Decode([]byte(`{"jobId":"a-1","unknown":{"x":[1]}}`))
	require.NoError(t, err)
	require.Equal(t, "a-1", got.JobID)
	for _, bad := range []string{"", "secret", `{"jobId":""}`, `{"jobId":"secret/../x"}`, `{"jobId":7}`, `[]`, `{"jobId":"` + strings.Repeat("a", 129) + `"}`,
		`{"jobId":"a","x":"` + strings.Repeat("x", queue.MaxBody) + `"}`} {
		_, err := queue.Decode([]byte(bad))
		require.ErrorIs(t, err, queue.ErrMessage)
		require.NotContains(t, err.Error(), "secret")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"jobId":"a-1"}`))
	f.Add([]byte(`{"jobId":"\u0000"}`))
	f.Add([]byte(`{"jobId":"a","timestamp":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := queue.Decode(body)
		if err == nil && (m.JobID == "" || strings.ContainsAny(m.JobID, "/.\x00 ")) {
			t.Fatal("an invalid id was accepted")
		}
	})
}

// each runs a test with our in-memory topic and with Go CDK's.
func each(t *testing.T, test func(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription)) {
	t.Run("local", func(t *testing.T) {
		topic, sub := local(&queue.LocalOptions{Capacity: 20_000})
		defer shutdown(t, topic, sub)
		test(t, topic, sub)
	})
	t.Run("mempubsub", func(t *testing.T) {
		topic := mempubsub.NewTopic()
		sub := mempubsub.NewSubscription(topic, time.Minute)
		defer shutdown(t, topic, sub)
		test(t, topic, sub)
	})
}

func shutdown(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, topic.Shutdown(ctx))
	require.NoError(t, sub.Shutdown(ctx))
}

func TestPublishAndConsume(t *testing.T) {
	each(t, func(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription) {
		const n = 2000
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var mu sync.Mutex
		seen := map[string]int{}
		var running, most atomic.Int32
		done := make(chan error, 1)
		go func() {
			c := must(queue.NewConsumer(queue.Static(sub), &queue.ConsumerOptions{Concurrency: 4}))
			done <- c.Run(ctx, func(_ context.Context, m queue.Message) {
				now := running.Add(1)
				defer running.Add(-1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				mu.Lock()
				defer mu.Unlock()
				if seen[m.JobID]++; len(seen) == n {
					stop()
				}
			})
		}()
		p := must(queue.NewPublisher(topic, nil))
		for i := range n {
			m := message
			m.JobID = fmt.Sprintf("job-%d", i)
			require.NoError(t, p.Publish(t.Context(), m))
		}
		require.NoError(t, <-done)
		for id, times := range seen {
			require.Equal(t, 1, times, id)
		}
		require.LessOrEqual(t, most.Load(), int32(4))
	})
}

func TestPublisherSetsMetadataAndTrace(t *testing.T) {
	topic, sub := local(nil)
	defer shutdown(t, topic, sub)
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	called := 0
	p := must(queue.NewPublisher(topic, &queue.PublisherOptions{
		Metadata:   func(m queue.Message) map[string]string { return map[string]string{"MessageGroupId": m.OrganizationID} },
		BeforeSend: func(m queue.Message, _ func(any) bool) error { called++; return nil },
	}))
	require.NoError(t, p.Publish(ctx, message))
	msg, err := sub.Receive(t.Context())
	require.NoError(t, err)
	msg.Ack()
	require.Equal(t, 1, called)
	require.Equal(t, "org", msg.Metadata["organizationId"])
	require.Equal(t, message.JobID, msg.Metadata["jobId"])
	require.Equal(t, "webhook", msg.Metadata["source"])
	require.Equal(t, "org", msg.Metadata["MessageGroupId"])
	require.Contains(t, msg.Metadata["traceparent"], span.TraceID().String())

	require.NoError(t, p.Publish(ctx, message))
	run, stop := context.WithCancel(t.Context())
	require.NoError(t, must(queue.NewConsumer(queue.Static(sub), nil)).Run(run, func(ctx context.Context, _ queue.Message) {
		require.Equal(t, span.TraceID(), trace.SpanContextFromContext(ctx).TraceID())
		stop()
		require.NoError(t, ctx.Err(), "the handler's context is not cancelled with Run's")
	}))
}

// Sending does not fail if the queue is full, and memory is bounded.
func TestLocalIsBounded(t *testing.T) {
	topic, sub := local(&queue.LocalOptions{Capacity: 3})
	defer shutdown(t, topic, sub)
	p := must(queue.NewPublisher(topic, nil))
	for range 10 {
		require.NoError(t, p.Publish(t.Context(), message))
	}
	for range 3 {
		msg, err := sub.Receive(t.Context())
		require.NoError(t, err)
		msg.Ack()
	}
	empty, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := sub.Receive(empty)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, p.Publish(t.Context(), message))
	msg, err := sub.Receive(t.Context())
	require.NoError(t, err, "there is room again")
	msg.Ack()
}

func TestLocalNackComesAgain(t *testing.T) {
	topic, sub := local(nil)
	defer shutdown(t, topic, sub)
	require.NoError(t, must(queue.NewPublisher(topic, nil)).Publish(t.Context(), message))
	msg, err := sub.Receive(t.Context())
	require.NoError(t, err)
	msg.Nack()
	again, err := sub.Receive(t.Context())
	require.NoError(t, err)
	require.Equal(t, msg.LoggableID, again.LoggableID)
	again.Ack()
}

func TestConsumerOutlivesPanicsAndJunk(t *testing.T) {
	each(t, func(t *testing.T, topic *pubsub.Topic, sub *pubsub.Subscription) {
		require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("secret")}))
		p := must(queue.NewPublisher(topic, nil))
		for range 3 {
			require.NoError(t, p.Publish(t.Context(), message))
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var logs bytes.Buffer
		calls := 0
		c := must(queue.NewConsumer(queue.Static(sub), &queue.ConsumerOptions{Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
		require.NoError(t, c.Run(ctx, func(context.Context, queue.Message) {
			if calls++; calls == 3 {
				stop()
			}
			panic("secret")
		}))
		require.Equal(t, 3, calls, "each message is delivered once")
		require.NotContains(t, logs.String(), "secret")
		require.Contains(t, logs.String(), "panicked")
		require.NotContains(t, logs.String(), "(0x", "the stack has no arguments")
	})
}

// recorded is a subscription that records acks and its end.
type recorded struct {
	broken
	acked, closed atomic.Int32
}

func (r *recorded) ReceiveBatch(ctx context.Context, _ int) ([]*driver.Message, error) {
	if r.left > 0 {
		return r.broken.ReceiveBatch(ctx, 1)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (r *recorded) SendAcks(_ context.Context, ids []driver.AckID) error {
	r.acked.Add(int32(len(ids)))
	return nil
}

func (r *recorded) Close() error { r.closed.Add(1); return nil }

// A message is acknowledged after its handler returned, and Run returns after both.
func TestConsumerAcksAfterTheHandlerAndWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorded{broken: broken{left: 1}}
		ctx, stop := context.WithCancel(t.Context())
		release := make(chan struct{})
		var ended atomic.Bool
		go func() {
			c := must(queue.NewConsumer(queue.Reopen(func(context.Context) (*pubsub.Subscription, error) {
				return pubsub.NewSubscription(r, nil, nil), nil
			}), nil))
			if err := c.Run(ctx, func(context.Context, queue.Message) { <-release }); err != nil {
				t.Error(err)
			}
			ended.Store(true)
		}()
		time.Sleep(time.Minute)
		require.Zero(t, r.acked.Load(), "the handler is still running")
		stop()
		time.Sleep(time.Minute)
		require.False(t, ended.Load(), "the handler is still running")
		require.Zero(t, r.closed.Load())
		close(release)
		time.Sleep(time.Minute)
		require.True(t, ended.Load())
		require.EqualValues(t, 1, r.acked.Load(), "acks are sent before Run returns")
		require.EqualValues(t, 1, r.closed.Load(), "the consumer closes what it opened")
	})
}

// broken is a subscription that fails after some messages.
type broken struct {
	driver.Subscription
	left   int
	closed *atomic.Int32 // may be nil
}

func (b *broken) ReceiveBatch(context.Context, int) ([]*driver.Message, error) {
	if b.left == 0 {
		return nil, errors.New("connection lost")
	}
	b.left--
	return []*driver.Message{{Body: []byte(`{"jobId":"a"}`), AckID: b.left, AsFunc: func(any) bool { return false }}}, nil
}

func (*broken) SendAcks(context.Context, []driver.AckID) error { return nil }
func (*broken) CanNack() bool                                  { return false }
func (*broken) IsRetryable(error) bool                         { return false }
func (*broken) As(any) bool                                    { return false }
func (*broken) ErrorAs(error, any) bool                        { return false }
func (*broken) ErrorCode(error) gcerrors.ErrorCode             { return gcerrors.Unknown }
func (b *broken) Close() error {
	if b.closed != nil {
		b.closed.Add(1)
	}
	return nil
}

// A broken subscription is reopened after growing pauses.
func TestConsumerReopens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var opened []time.Time
		var closed, grounds atomic.Int32
		open := func(context.Context, int) (*pubsub.Subscription, func() error, error) {
			opened = append(opened, time.Now())
			if len(opened)%3 == 2 {
				return nil, nil, errors.New("not reachable")
			}
			if len(opened) == 30 {
				stop()
			}
			left := 0
			if len(opened) == 1 || len(opened) == 10 {
				left = 2
			}
			return pubsub.NewSubscription(&broken{left: left, closed: &closed}, nil, nil), func() error {
				require.Equal(t, grounds.Add(1), closed.Load(), "after its subscription")
				return errors.New("closed already")
			}, nil
		}
		var got atomic.Int32
		c := must(queue.NewConsumer(queue.ReopenWith(open), &queue.ConsumerOptions{
			MinBackoff: 100 * time.Millisecond, MaxBackoff: 10 * time.Second, Logger: slog.New(slog.DiscardHandler),
		}))
		require.NoError(t, c.Run(ctx, func(context.Context, queue.Message) { got.Add(1) }))
		require.EqualValues(t, 4, got.Load())
		require.EqualValues(t, 20, closed.Load(), "every subscription is closed")
		require.EqualValues(t, 20, grounds.Load(), "every ground is closed")
		require.Less(t, opened[1].Sub(opened[0]), 200*time.Millisecond)
		require.Greater(t, opened[9].Sub(opened[8]), 4*time.Second)
		require.LessOrEqual(t, opened[29].Sub(opened[28]), 10*time.Second)
		require.Less(t, opened[10].Sub(opened[9]), time.Second, "a subscription that worked resets the pause")
	})
}

// idle is a subscription that receives nothing until it breaks.
type idle struct {
	broken
	after time.Duration
}

func (i *idle) ReceiveBatch(ctx context.Context, _ int) ([]*driver.Message, error) {
	select {
	case <-time.After(i.after):
		return nil, errors.New("connection closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A broker that cuts idle connections is not treated as down.
func TestConsumerReopensIdleSubscriptionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var opened []time.Time
		open := func(context.Context) (*pubsub.Subscription, error) {
			if opened = append(opened, time.Now()); len(opened) == 20 {
				stop()
			}
			return pubsub.NewSubscription(&idle{after: 10 * time.Minute}, nil, nil), nil
		}
		c := must(queue.NewConsumer(queue.Reopen(open), &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)}))
		require.NoError(t, c.Run(ctx, func(context.Context, queue.Message) {}))
		for i := 1; i < len(opened); i++ {
			require.Less(t, opened[i].Sub(opened[i-1]), 10*time.Minute+time.Second)
		}
	})
}

func TestRunFailsIfAStaticSubscriptionBreaks(t *testing.T) {
	topic, sub := local(nil)
	p := must(queue.NewPublisher(topic, nil))
	require.NoError(t, p.Publish(t.Context(), message))
	err := must(queue.NewConsumer(queue.Static(sub), nil)).Run(t.Context(), func(context.Context, queue.Message) {
		go func() { _ = sub.Shutdown(context.Background()) }()
	})
	require.ErrorContains(t, err, "broke")
	require.NoError(t, topic.Shutdown(t.Context()))
}

// BenchmarkLocal measures the time from Send to the handler on an idle queue.
func BenchmarkLocal(b *testing.B) {
	topic, sub := local(nil)
	p := must(queue.NewPublisher(topic, nil))
	ctx, stop := context.WithCancel(b.Context())
	arrived := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- must(queue.NewConsumer(queue.Static(sub), nil)).Run(ctx, func(context.Context, queue.Message) { arrived <- struct{}{} })
	}()
	for b.Loop() {
		if err := p.Publish(ctx, message); err != nil {
			b.Fatal(err)
		}
		<-arrived
	}
	stop()
	<-done
}

func Example() {
	topic, subscription, err := queue.NewLocal(nil)
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	publisher, err := queue.NewPublisher(topic, nil)
	if err != nil {
		panic(err)
	}
	if err := publisher.Publish(ctx, queue.Message{JobID: "job-1", OrganizationID: "demo"}); err != nil {
		panic(err)
	}
	consumer, err := queue.NewConsumer(queue.Static(subscription), &queue.ConsumerOptions{Concurrency: 4})
	if err != nil {
		panic(err)
	}
	err = consumer.Run(ctx, func(_ context.Context, m queue.Message) {
		fmt.Println("look at", m.JobID)
		stop()
	})
	fmt.Println(err)
	// Output:
	// look at job-1
	// <nil>
}

func ExampleMessage_Encode() {
	body, err := queue.Message{JobID: "job-1"}.Encode()
	if err != nil {
		panic(err)
	}
	var fields map[string]any
	fmt.Println(json.Unmarshal(body, &fields), fields["jobId"])
	// Output: <nil> job-1
}
