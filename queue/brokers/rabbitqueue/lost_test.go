package rabbitqueue

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

// After a server was unreachable at the start, or lost the queue, the exchange or both,
// messages pass again within 15 seconds without a restart.
func TestEverythingLost(t *testing.T) {
	u := server(t)
	direct, err := amqp.Dial(u.String())
	require.NoError(t, err)
	defer direct.Close()
	exchange, name := randomName(), randomName()
	deleteQueue := func(ch *amqp.Channel) error { _, err := ch.QueueDelete(name, false, false, false); return err }
	deleteExchange := func(ch *amqp.Channel) error { return ch.ExchangeDelete(exchange, false, false) }
	defer func() {
		require.NoError(t, onChannel(direct, deleteQueue))
		require.NoError(t, onChannel(direct, deleteExchange))
	}()

	// Nothing listens on this port yet.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	via := *u
	via.Host = l.Addr().String()
	t.Setenv(serverVariable, via.String())
	p := newPipe(t, exchange, name)

	require.Eventually(t, func() bool { return outage.Unreachable(p.consumer.Err()) }, 10*time.Second, 10*time.Millisecond)
	require.Error(t, p.publisher.Publish(t.Context(), queue.Message{JobID: "job"}))
	serve(t, via.Host, u.Host)
	p.passes(t, "started-later")
	require.NoError(t, onChannel(direct, deleteQueue))
	p.passes(t, "queue-deleted")
	require.NoError(t, onChannel(direct, deleteExchange))
	p.passes(t, "exchange-deleted")
	require.NoError(t, onChannel(direct, deleteQueue))
	require.NoError(t, onChannel(direct, deleteExchange))
	p.passes(t, "both-deleted")
}

// serve forwards connections during a test.
func serve(t *testing.T, at, to string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go passOn(from, to)
		}
	}()
}

// pipe is a topic and a consumer that runs during a test.
type pipe struct {
	publisher *queue.Publisher
	consumer  *queue.Consumer
	got       chan string
}

func newPipe(t *testing.T, exchange, name string) *pipe {
	t.Helper()
	publisher, err := queue.OpenPublisher(t.Context(), "rabbit://"+exchange+"?queue="+name, nil)
	require.NoError(t, err)
	opener, err := queue.OpenSubscription(t.Context(), "rabbit://"+name+"?exchange="+exchange, nil)
	require.NoError(t, err)
	p := &pipe{
		publisher: publisher, got: make(chan string, 1000),
		consumer: must(queue.NewConsumer(opener, &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)})),
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- p.consumer.Run(ctx, func(_ context.Context, m queue.Message) { p.got <- m.JobID })
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, publisher.Shutdown(context.Background()))
	})
	return p
}

// passes sends until a message arrives, for at most 15 seconds.
func (p *pipe) passes(t *testing.T, what string) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 15*time.Second {
		send, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_ = p.publisher.Publish(send, queue.Message{JobID: what})
		cancel()
		for wait := time.After(200 * time.Millisecond); ; {
			select {
			case id := <-p.got:
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
	t.Fatalf("%s: no message passes, %v", what, p.consumer.Err())
}
