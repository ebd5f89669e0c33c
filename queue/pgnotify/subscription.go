package pgnotify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

// SubscriptionOptions are the options of a subscription; nil, and zero fields, mean the
// defaults. None may be negative.
type SubscriptionOptions struct {
	// Capacity of the buffer in messages. When it is full, messages are dropped, and that
	// is logged at most once a minute. A message has less than 8000 bytes, one of package
	// queue about 500. Default: 4096.
	Capacity int
	// PingAfter is how long the connection may be silent before it is pinged. Default:
	// 30 s.
	PingAfter time.Duration
	// PingTimeout bounds the wait for the answer to a ping, and to LISTEN when the
	// subscription is opened. Default: 5 s.
	PingTimeout time.Duration
	// Logger gets warnings. Default: slog.Default().
	Logger *slog.Logger
}

// closeTimeout bounds closing a connection.
const closeTimeout = 2 * time.Second

// OpenSubscription connects and returns a subscription to the messages sent to a channel
// from now on; see [OpenTopic] for its name. ctx is only for opening. config must come from
// pgx.ParseConfig; it is not modified, and its OnNotification is not called. The caller must
// shut the subscription down, which closes the connection within two seconds.
//
// If the connection breaks, Receive returns the messages received before, and then always an
// error; see queue.Reopen. A cancelled context ends only that Receive. Subscription.As
// supports nothing, because the connection is in use. Message.As supports
// **pgconn.Notification, ErrorAs **pgconn.PgError and **pgconn.ConnectError.
func OpenSubscription(ctx context.Context, config *pgx.ConnConfig, channel string, opts *SubscriptionOptions) (*pubsub.Subscription, error) {
	s, err := newSubscription(ctx, config, channel, opts)
	if err != nil {
		return nil, err
	}
	// One message at a time, because prefetched messages would not reach a free handler.
	return pubsub.NewSubscription(s, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1}, nil), nil
}

func newSubscription(ctx context.Context, config *pgx.ConnConfig, channel string, opts *SubscriptionOptions) (*subscription, error) {
	if config == nil {
		return nil, errors.New("pgnotify: a subscription needs a configuration")
	}
	if err := checkChannel(channel); err != nil {
		return nil, err
	}
	var o SubscriptionOptions
	if opts != nil {
		o = *opts
	}
	if o.Capacity < 0 || o.PingAfter < 0 || o.PingTimeout < 0 {
		return nil, errors.New("pgnotify: SubscriptionOptions.Capacity, PingAfter and PingTimeout must not be negative")
	}
	o.Capacity = cmp.Or(o.Capacity, 4096)
	o.PingAfter = cmp.Or(o.PingAfter, 30*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	conn, err := listen(ctx, config, channel, o.PingTimeout)
	if err != nil {
		return nil, err
	}
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &subscription{
		channel: channel, opts: o, waiting: make(chan *driver.Message, o.Capacity),
		stop: stop, broken: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.run(reading, conn)
	return s, nil
}

func listen(ctx context.Context, config *pgx.ConnConfig, channel string, timeout time.Duration) (*pgx.Conn, error) {
	config = config.Copy()
	config.OnNotification = nil // it would get the notifications instead of WaitForNotification
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("pgnotify: connect: %w", err)
	}
	answer, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if _, err := conn.Exec(answer, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		hangUp(conn)
		return nil, fmt.Errorf("pgnotify: listen to %s: %w", channel, err)
	}
	return conn, nil
}

// hangUp closes a connection, or waits until pgx has closed it.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // the server will notice sooner or later
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

var (
	errClosed = errors.New("pgnotify: the subscription is shut down")
	errSilent = errors.New("pgnotify: the server did not answer a ping in time")
)

type subscription struct {
	codes
	channel string
	opts    SubscriptionOptions
	waiting chan *driver.Message
	stop    context.CancelFunc
	broken  chan struct{} // closed when reading has ended
	err     error         // why; set before broken is closed
	ended   chan struct{} // closed when the connection is closed

	dropped int       // messages since the last warning; only used by run
	warned  time.Time // time of the last warning; only used by run
}

// run owns the connection. It reads until the connection breaks or stop is called, even if
// nobody receives the messages.
func (s *subscription) run(ctx context.Context, conn *pgx.Conn) {
	defer close(s.ended)
	s.err = s.read(ctx, conn)
	if ctx.Err() != nil {
		s.err = errClosed
	}
	close(s.broken)
	hangUp(conn)
}

func (s *subscription) read(ctx context.Context, conn *pgx.Conn) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, s.opts.PingAfter)
		n, err := conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			s.keep(ctx, decode(n))
		case conn.IsClosed() || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("pgnotify: the connection broke: %w", err)
		default: // silence, after which the connection is still usable
			if err := s.ping(ctx, conn); err != nil {
				return err
			}
		}
	}
}

func (s *subscription) ping(ctx context.Context, conn *pgx.Conn) error {
	answer, cancel := context.WithTimeout(ctx, s.opts.PingTimeout)
	defer cancel()
	err := conn.Ping(answer)
	switch {
	case err == nil:
		return nil
	case answer.Err() != nil:
		return errSilent // not DeadlineExceeded, which would look like a Receive's
	}
	return fmt.Errorf("pgnotify: the connection broke: %w", err)
}

// keep puts a message into the buffer, or drops it if the buffer is full.
func (s *subscription) keep(ctx context.Context, m *driver.Message) {
	select {
	case s.waiting <- m:
		return
	default:
	}
	s.dropped++
	if now := time.Now(); now.Sub(s.warned) >= time.Minute {
		s.opts.Logger.WarnContext(ctx, "notifications dropped: the buffer is full", "channel", s.channel, "dropped", s.dropped)
		s.dropped, s.warned = 0, now
	}
}

// ReceiveBatch implements driver.Subscription. It blocks until there is a message or ctx
// ends, which does not affect the connection.
func (s *subscription) ReceiveBatch(ctx context.Context, maxMessages int) ([]*driver.Message, error) {
	select {
	case m := <-s.waiting:
		return s.take([]*driver.Message{m}, maxMessages), nil
	case <-s.broken:
		if ms := s.take(nil, maxMessages); len(ms) > 0 { // received before it broke
			return ms, nil
		}
		return nil, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// take appends waiting messages to ms.
func (s *subscription) take(ms []*driver.Message, maxMessages int) []*driver.Message {
	for len(ms) < maxMessages {
		select {
		case m := <-s.waiting:
			ms = append(ms, m)
		default:
			return ms
		}
	}
	return ms
}

// SendAcks implements driver.Subscription. It does nothing.
func (*subscription) SendAcks(context.Context, []driver.AckID) error { return nil }

// CanNack implements driver.Subscription. Messages are not redelivered.
func (*subscription) CanNack() bool { return false }

// SendNacks implements driver.Subscription. It is never called.
func (*subscription) SendNacks(context.Context, []driver.AckID) error { return errors.ErrUnsupported }

// As implements driver.Subscription.
func (*subscription) As(any) bool { return false }

// Close implements driver.Subscription.
func (s *subscription) Close() error {
	s.stop()
	<-s.ended
	return nil
}
