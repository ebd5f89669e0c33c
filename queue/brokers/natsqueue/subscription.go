package natsqueue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

const (
	// A request for messages lasts that long, and the server shows that it still has it:
	// one that was lost, with its connection or its consumer, is noticed after 2 seconds.
	requestTime = 5 * time.Second
	heartbeat   = time.Second
)

// subscription implements driver.Subscription on a durable consumer. Whatever is wrong
// with a request ends it, and [queue.Reopen] makes another, with the stream and the
// consumer if they are gone.
type subscription struct {
	codes
	conn     *nats.Conn
	consumer jetstream.Consumer
}

func openSubscription(ctx context.Context, a *address) (*pubsub.Subscription, error) {
	conn, js, err := a.connect()
	if err != nil {
		return nil, err
	}
	s := &subscription{conn: conn}
	if err = a.makeStream(ctx, js); err == nil {
		s.consumer, err = a.makeConsumer(ctx, js)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	// None is taken ahead: it would wait here while another process is idle.
	return pubsub.NewSubscription(s, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1}, nil), nil
}

// ReceiveBatch implements driver.Subscription.
func (s *subscription) ReceiveBatch(ctx context.Context, most int) ([]*driver.Message, error) {
	request, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	batch, err := s.consumer.Fetch(most, jetstream.FetchContext(request), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		return nil, fmt.Errorf("natsqueue: receive: %w", err)
	}
	var ms []*driver.Message
	for m := range batch.Messages() {
		ms = append(ms, message(m))
	}
	err = batch.Error()
	switch {
	case len(ms) > 0, err == nil:
		return ms, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded): // of the request: there was nothing
		return nil, nil
	}
	return nil, fmt.Errorf("natsqueue: receive: %w", err)
}

func message(m jetstream.Msg) *driver.Message {
	d := &driver.Message{Body: m.Data(), AckID: m, AsFunc: as(m), Metadata: map[string]string{}}
	for name, values := range m.Headers() {
		if len(values) > 0 {
			d.Metadata[unescaped(name)] = unescaped(values[0])
		}
	}
	if about, err := m.Metadata(); err == nil {
		d.LoggableID = fmt.Sprintf("%s/%d", about.Stream, about.Sequence.Stream)
	}
	return d
}

// unescaped is what was escaped by a topic of this package; others may send anything.
func unescaped(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// SendAcks implements driver.Subscription. Of one that does not get through, the message
// comes again.
func (*subscription) SendAcks(_ context.Context, ids []driver.AckID) error {
	for _, id := range ids {
		_ = id.(jetstream.Msg).Ack()
	}
	return nil
}

// CanNack implements driver.Subscription.
func (*subscription) CanNack() bool { return true }

// SendNacks implements driver.Subscription.
func (*subscription) SendNacks(_ context.Context, ids []driver.AckID) error {
	for _, id := range ids {
		_ = id.(jetstream.Msg).Nak()
	}
	return nil
}

// As implements driver.Subscription.
func (s *subscription) As(i any) bool { return as(s.conn)(i) || as(s.consumer)(i) }

// Close implements driver.Subscription.
func (s *subscription) Close() error {
	_ = s.conn.FlushTimeout(time.Second) // acks
	s.conn.Close()
	return nil
}
