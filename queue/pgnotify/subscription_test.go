package pgnotify_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

func stacks() string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}

// Messages that don't fit are dropped, and the connection is still read, so that the server
// keeps nothing.
func TestOverflow(t *testing.T) {
	s := newServer(t)
	var log bytes.Buffer
	d := s.driver(t, &pgnotify.SubscriptionOptions{Capacity: 3, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	topic, err := pgnotify.TopicForTest(s.db, s.channel)
	require.NoError(t, err)
	// More than fits into the buffers of a socket.
	batch := make([]*driver.Message, 100)
	for i := range batch {
		batch[i] = &driver.Message{Body: []byte(strings.Repeat(string(rune('a'+i%26)), 7500))}
	}
	for range 30 {
		require.NoError(t, topic.SendBatch(t.Context(), batch))
	}
	eventually(t, "the server's queue is empty", func() bool {
		var used float64
		require.NoError(t, s.db.QueryRowContext(t.Context(), "select pg_notification_queue_usage()").Scan(&used))
		return used == 0
	})
	require.Equal(t, 3, pgnotify.WaitingForTest(d))
	ms, err := d.ReceiveBatch(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, ms, 3)
	require.Equal(t, "abc", string(ms[0].Body[:1])+string(ms[1].Body[:1])+string(ms[2].Body[:1]))

	// There is space again, once everything in the sockets has arrived.
	eventually(t, "a message that fits", func() bool {
		assert.NoError(t, topic.SendBatch(t.Context(), []*driver.Message{{Body: []byte("again")}}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ms, err := d.ReceiveBatch(ctx, 1)
		return err == nil && string(ms[0].Body) == "again"
	})
	require.NoError(t, d.Close())
	require.Equal(t, 1, strings.Count(log.String(), "notifications dropped"), "at most once a minute")
	require.Contains(t, log.String(), s.channel)
}

// Messages that arrived before the connection broke are received, and then always the error.
func TestKilledBackend(t *testing.T) {
	s := newServer(t)
	d := s.driver(t, nil)
	topic := s.topic(t)
	for range 2 {
		require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("a")}))
	}
	eventually(t, "both arrive", func() bool { return pgnotify.WaitingForTest(d) == 2 })
	s.kill(t)
	s.nothingLeft(t)
	for range 2 {
		ms, err := d.ReceiveBatch(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, ms, 1)
	}
	for range 3 {
		_, err := d.ReceiveBatch(t.Context(), 1)
		require.ErrorContains(t, err, "the connection broke")
		var e *pgconn.PgError
		require.True(t, d.ErrorAs(err, &e))
		require.Equal(t, "57P01", e.Code)
		require.False(t, d.IsRetryable(err))
	}
}

// A Consumer opens another subscription and receives again.
func TestReopen(t *testing.T) {
	s := newServer(t)
	heard := make(chan string, 1000)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		c := must(queue.NewConsumer(queue.Reopen(func(ctx context.Context) (*pubsub.Subscription, error) {
			return pgnotify.OpenSubscription(ctx, s.config(t), s.channel, nil)
		}), &queue.ConsumerOptions{Logger: slog.New(slog.DiscardHandler)}))
		ended <- c.Run(ctx, func(_ context.Context, m queue.Message) { heard <- m.JobID })
	}()
	p := must(queue.NewPublisher(s.topic(t), nil))
	hears := func(id string) {
		eventually(t, id+" is heard", func() bool {
			require.NoError(t, p.Publish(t.Context(), queue.Message{JobID: id}))
			for {
				select {
				case got := <-heard:
					if got == id {
						return true
					}
				case <-time.After(10 * time.Millisecond):
					return false
				}
			}
		})
	}
	hears("a")
	for _, id := range []string{"b", "c"} {
		s.kill(t)
		hears(id)
	}
	stop()
	require.NoError(t, <-ended)
	s.nothingLeft(t)
}

func TestShutdownUnderReceive(t *testing.T) {
	s := newServer(t)
	sub := s.subscription(t, nil)
	received := make(chan error)
	go func() {
		_, err := sub.Receive(context.Background())
		received <- err
	}()
	eventually(t, "it is being received", func() bool { return strings.Contains(stacks(), "(*subscription).ReceiveBatch") })
	began := time.Now()
	shutdown(t, sub)
	select {
	case err := <-received:
		require.Error(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("Receive does not end")
	}
	require.Less(t, time.Since(began), 5*time.Second)
	s.nothingLeft(t)
}

// ReceiveBatch ends with its context, or with the subscription.
func TestReceiveEnds(t *testing.T) {
	s := newServer(t)
	d := s.driver(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := d.ReceiveBatch(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, d.Close())
	_, err = d.ReceiveBatch(t.Context(), 1)
	require.Equal(t, gcerrors.FailedPrecondition, d.ErrorCode(err))
	require.NoError(t, d.Close(), "a second time")
}

// held is a connection whose Close waits.
type held struct {
	net.Conn
	closing, closed chan struct{}
}

func (c held) Close() error {
	close(c.closing)
	<-c.closed
	return c.Conn.Close()
}

// Close closes the connection, and waits until it is closed.
func TestCloseWaits(t *testing.T) {
	s := newServer(t)
	config := s.config(t)
	closing, closed := make(chan struct{}), make(chan struct{})
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return held{c, closing, closed}, err
	}
	d, err := pgnotify.SubscriptionForTest(t.Context(), config, s.channel, nil)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- d.Close() }()
	select {
	case <-closing:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection is not closed")
	}
	select {
	case <-ended:
		t.Error("Close does not wait")
	default:
	}
	close(closed)
	require.NoError(t, <-ended)
	s.nothingLeft(t)
}

// A cancelled Receive neither closes the connection nor loses messages; nor does the end of
// the context with which the subscription was opened.
func TestCancelledReceive(t *testing.T) {
	s := newServer(t)
	opening, opened := context.WithCancel(t.Context())
	sub, err := pgnotify.OpenSubscription(opening, s.config(t), s.channel, nil)
	require.NoError(t, err)
	opened()
	defer shutdown(t, sub)
	before := s.listeners(t)
	for range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := sub.Receive(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		cancel()
	}
	require.NoError(t, s.topic(t).Send(t.Context(), &pubsub.Message{Body: []byte("a")}))
	require.Equal(t, "a", string(receive(t, sub).Body))
	require.Len(t, before, 1)
	require.Equal(t, before, s.listeners(t))
}

// deaf is a connection that can be made to drop all writes, like a broken network.
type deaf struct {
	net.Conn
	now *atomic.Bool
}

func (c deaf) Write(b []byte) (int, error) {
	if c.now.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// A silent connection is pinged. If there is no answer, the subscription breaks.
func TestPing(t *testing.T) {
	s := newServer(t)
	var now atomic.Bool
	config := s.config(t)
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return deaf{c, &now}, err
	}
	d, err := pgnotify.SubscriptionForTest(t.Context(), config, s.channel, &pgnotify.SubscriptionOptions{
		PingAfter: 5 * time.Millisecond, PingTimeout: time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	pings := func() (n int) {
		require.NoError(t, s.db.QueryRowContext(t.Context(),
			"select count(*) from pg_stat_activity where application_name = $1 and query = '-- ping'", s.channel).Scan(&n))
		return n
	}
	eventually(t, "a ping", func() bool { return pings() == 1 })
	before := s.listeners(t)
	topic := s.topic(t)
	for range 100 { // some of them during a ping
		require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("a")}))
		ms, err := d.ReceiveBatch(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, ms, 1)
	}
	require.Equal(t, before, s.listeners(t))

	now.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = d.ReceiveBatch(ctx, 1)
	require.ErrorContains(t, err, "did not answer a ping")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, gcerrors.DeadlineExceeded, d.ErrorCode(err))
}

// A handler in config.OnNotification does not get the notifications.
func TestOnNotification(t *testing.T) {
	s := newServer(t)
	config := s.config(t)
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { t.Error("called") }
	sub, err := pgnotify.OpenSubscription(t.Context(), config, s.channel, nil)
	require.NoError(t, err)
	defer shutdown(t, sub)
	require.NotNil(t, config.OnNotification)
	require.NoError(t, s.topic(t).Send(t.Context(), &pubsub.Message{Body: []byte("a")}))
	require.Equal(t, "a", string(receive(t, sub).Body))
}
