package brokerservers_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/localserver"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/fhirdock/fhirdock/queue"
)

// Topic and subscription work again after their connections were cut. For RabbitMQ, NATS
// and PostgreSQL see package backends.
func TestLostConnections(t *testing.T) {
	for _, b := range brokers {
		if b.real != nil {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			lent := brokerservers.Start(t, b.start)
			cut := lent.Cut
			if cut == nil {
				c, err := localserver.NewCable(lent.Address)
				require.NoError(t, err)
				t.Cleanup(func() { _ = c.Close() })
				cut = c.Cut
				lent.By(c.Address)
			}
			for name, value := range lent.Env {
				t.Setenv(name, value)
			}
			back := open(t, lent)
			got := make(chan string, 1000)
			stop := consume(t, back, func(m queue.Raw) error { got <- m.Metadata["jobId"]; return nil })
			defer stop()
			publisher := back.Publisher
			passes := func(id string) bool {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				_ = publisher.Publish(ctx, message("o", id)) // it may arrive anyway
				for {
					select {
					case job := <-got:
						if job == id {
							return true
						}
					case <-ctx.Done():
						return false
					}
				}
			}
			require.True(t, passes("before") || passes("still before"))
			cut()
			require.Eventually(t, func() bool { return passes("after") }, time.Minute, time.Millisecond)
		})
	}
}

// A program starts quickly while its broker is down. Once the broker is up, wake-ups pass,
// and that is reported once.
func TestStartsBeforeItsBroker(t *testing.T) {
	for _, b := range brokers {
		if b.real != nil { // see the drivers' own tests
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			lent := brokerservers.Start(t, b.start)
			server := lent.Address
			near, err := localserver.FreeAddress()
			require.NoError(t, err)
			lent.By(near)
			for name, value := range lent.Env {
				t.Setenv(name, value)
			}
			began := time.Now()
			back := open(t, lent)
			require.Less(t, time.Since(began), 15*time.Second)
			publisher := back.Publisher
			send := func(id string) error {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				return publisher.Publish(ctx, message("o", id))
			}
			require.Error(t, send("early"))

			changes, got := make(chan error, 100), make(chan string, 100)
			consumer := must(queue.NewConsumer(back.Subscription, &queue.ConsumerOptions{
				Logger: slog.New(slog.DiscardHandler), Observe: func(err error) { changes <- err },
			}))
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- consumer.Run(ctx, func(_ context.Context, m queue.Message) { got <- m.JobID }) }()
			select {
			case err := <-changes:
				require.Error(t, err)
			case <-time.After(20 * time.Second):
				t.Fatal("the missing subscription is not reported")
			}
			time.Sleep(3 * time.Second) // for several retries
			require.Error(t, consumer.Err())
			require.Empty(t, changes)

			c, err := localserver.NewCableAt(near, server)
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			require.Eventually(t, func() bool {
				if send("late") != nil {
					return false
				}
				select {
				case id := <-got:
					return id == "late"
				case <-time.After(5 * time.Second):
					return false
				}
			}, time.Minute, 100*time.Millisecond, "no wake-up passes")
			require.NoError(t, consumer.Err())
			stop()
			require.NoError(t, <-ended)
			require.NoError(t, <-changes)
			require.Empty(t, changes)
		})
	}
}

// A missing topic or subscription is reported soon after the start.
func TestMissingEntities(t *testing.T) {
	for _, b := range brokers {
		if b.real != nil { // these create missing entities
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			if b.slowToMiss && testing.Short() {
				t.Skip("SKIPPED in short mode: it takes seconds, or another kind covers the same code")
			}
			lent := brokerservers.Lend(t, b.start)
			opened := func(topic, subscription string) error {
				back, err := backends.Open(t.Context(), backends.URLs{Topic: topic, Subscription: subscription},
					&backends.Options{Data: filepath.Join(t.TempDir(), "data"), Logger: slog.New(slog.DiscardHandler)})
				if err == nil {
					require.NoError(t, back.Close(t.Context()))
				}
				return err
			}
			other := strings.NewReplacer("wakeups", "absent", "workers", "absent", "from-", "absent-")
			began := time.Now()
			require.ErrorContains(t, opened(other.Replace(lent.Topic), lent.Subscription), "open the topic: ")
			// A Kafka group exists once it has a member.
			absent := other.Replace(strings.Replace(lent.Subscription, "kafka://workers", "kafka://group", 1))
			require.ErrorContains(t, opened(lent.Topic, absent), "open the subscription: ")
			require.Less(t, time.Since(began), 15*time.Second)
		})
	}
}

// A password is required, and the error for a wrong one does not contain it.
func TestKafkaPassword(t *testing.T) {
	lent := brokerservers.Lend(t, brokerservers.KafkaSASL)
	back := open(t, lent)
	got := make(chan queue.Raw, 1)
	stop := consume(t, back, func(m queue.Raw) error { got <- m; return nil })
	defer stop()
	publish(t, back, message("o", "job"))
	select {
	case <-got:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was received")
	}
	t.Setenv("KAFKA_PASSWORD", "s3cret")
	_, err := backends.Open(t.Context(), backends.URLs{Topic: lent.Topic}, &backends.Options{Data: filepath.Join(t.TempDir(), "data")})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
}

// Pub/Sub refuses a request with messages of two ordering keys, which its fake does not.
func TestPubSubRequests(t *testing.T) {
	lent := brokerservers.Lend(t, brokerservers.PubSub)
	back := open(t, lent)
	const n = 50
	sent := make(chan error, n)
	publisher := back.Publisher
	for i := range n {
		go func() { sent <- publisher.Publish(t.Context(), message(string(rune('a'+i%5)), "job")) }()
	}
	for range n {
		require.NoError(t, <-sent)
	}
	require.EqualValues(t, n, lent.Publishes.Load(), "each message has its own request")
	for _, m := range lent.PubSub.Messages() {
		require.Equal(t, m.Attributes["organizationId"], m.OrderingKey)
	}

	// Without messages it is not polled ten times a second.
	stop := consume(t, back, func(queue.Raw) error { return nil })
	defer stop()
	require.Eventually(t, func() bool {
		for _, m := range lent.PubSub.Messages() {
			if m.Acks == 0 {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond)
	before := lent.Pulls.Load()
	<-time.After(2 * time.Second)
	// The fake holds a request for half a second, Pub/Sub for longer.
	require.LessOrEqual(t, lent.Pulls.Load()-before, int64(5))
	require.Zero(t, lent.AtOnce.Load(), "no request returns immediately")
}

// A message that is settled after its lock has ended breaks nothing: Go CDK's own Service
// Bus driver would retry for ever.
func TestSettledTooLate(t *testing.T) {
	lent := brokerservers.Lend(t, brokerservers.ServiceBus)
	back := open(t, lent)
	publish(t, back, message("o", "slow"))
	var logs proctest.Buffer
	var first atomic.Bool
	first.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls, release, ended := make(chan string, 10), make(chan struct{}), make(chan error, 1)
	go func() {
		c := must(queue.NewConsumer(back.Subscription, &queue.ConsumerOptions{Concurrency: 2, Logger: slog.New(slog.NewTextHandler(&logs, nil))}))
		ended <- c.Run(ctx, func(_ context.Context, m queue.Message) {
			calls <- m.JobID
			if first.Swap(false) {
				<-release
			}
		})
	}()
	for range 2 { // the second has another lock
		select {
		case id := <-calls:
			require.Equal(t, "slow", id)
		case <-time.After(20 * time.Second):
			t.Fatal("no message arrived")
		}
	}
	close(release)
	for range 10 { // a broken subscription fails at the next message but one
		publish(t, back, message("o", "next"))
		select {
		case <-calls:
		case <-time.After(20 * time.Second):
			t.Fatal("no more messages arrive")
		}
	}
	cancel()
	require.NoError(t, <-ended)
	require.NotContains(t, logs.String(), "broke")
}
