package natsqueue

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
)

// After a server was unreachable at the start, or lost a consumer, a stream or its whole
// store, messages pass again within 15 seconds without a restart.
func TestEverythingLost(t *testing.T) {
	server := newServer(t)
	url := "nats://" + server.address + "/wake.ups?stream=wakeups"
	opts := &queue.OpenOptions{Logger: slog.New(slog.DiscardHandler)}
	publisher, err := queue.OpenPublisher(t.Context(), url, opts)
	require.NoError(t, err, "an unreachable server")
	opener, err := queue.OpenSubscription(t.Context(), url+"&consumer=workers", opts)
	require.NoError(t, err, "an unreachable server")

	var changes []bool // whether there is a subscription
	consumer := must(queue.NewConsumer(opener, &queue.ConsumerOptions{Logger: opts.Logger, Observe: func(err error) { changes = append(changes, err == nil) }}))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	got, ended := make(chan string, 1000), make(chan error, 1)
	go func() {
		ended <- consumer.Run(ctx, func(_ context.Context, m queue.Message) { got <- m.JobID })
	}()
	passes := func(what string) {
		t.Helper()
		began := time.Now()
		for time.Since(began) < 15*time.Second {
			send, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			_ = publisher.Publish(send, queue.Message{JobID: what})
			cancel()
			for wait := time.After(200 * time.Millisecond); ; {
				select {
				case id := <-got:
					if id == what {
						t.Logf("%s: messages pass again after %s", what, time.Since(began).Round(10*time.Millisecond))
						return
					}
					continue
				case <-wait:
				}
				break
			}
		}
		t.Fatalf("%s: no message passes, %v", what, consumer.Err())
	}

	require.Eventually(t, func() bool {
		return consumer.Err() != nil && errors.Is(consumer.Err(), nats.ErrNoServers)
	}, 10*time.Second, 10*time.Millisecond)
	server.start(t)
	passes("started-later")

	conn, err := nats.Connect(server.address)
	require.NoError(t, err)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	require.NoError(t, js.DeleteConsumer(t.Context(), "wakeups", "workers"))
	passes("consumer-deleted")
	require.NoError(t, js.DeleteStream(t.Context(), "wakeups"))
	passes("stream-deleted")
	conn.Close()

	server.loseStore(t)
	server.start(t)
	passes("store-lost")

	stop()
	require.NoError(t, <-ended)
	require.NoError(t, publisher.Shutdown(t.Context()))
	require.GreaterOrEqual(t, len(changes), 4)
	require.True(t, changes[len(changes)-1])
}
