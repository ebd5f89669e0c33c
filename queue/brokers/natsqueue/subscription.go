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
	// requestTime is how long one pull request stays open.
	requestTime = 5 * time.Second
	// heartbeat is how often the server confirms an open request. The client gives up
	// after two missed ones, so it notices within 2 seconds that a request was lost with
	// its connection or consumer.
	heartbeat = time.Second
)

// subscription implements driver.Subscription for a durable consumer. Any failed pull
// request ends it; [queue.Reopen] then opens another one, which creates the stream and
// the consumer again if necessary.
type subscription struct {
	errorCodes
	conn     *nats.Conn
	consumer jetstream.Consumer
}

func openSubscription(ctx context.Context, a *address) (*pubsub.Subscription, error) {
	s, err := newSubscription(ctx, a)
	if err != nil {
		return nil, err
	}
	// Don't prefetch: a message would wait here while another process is idle.
	return pubsub.NewSubscription(s, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1}, nil), nil
}

// newSubscription connects, and creates the stream and the consumer if necessary.
func newSubscription(ctx context.Context, a *address) (*subscription, error) {
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
	return s, nil
}

// ReceiveBatch implements driver.Subscription.
func (s *subscription) ReceiveBatch(ctx context.Context, maxMessages int) ([]*driver.Message, error) {
	request, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	batch, err := s.consumer.Fetch(maxMessages, jetstream.FetchContext(request), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err() // Fetch says only that an option is invalid
		}
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
	case errors.Is(err, context.DeadlineExceeded): // the request's own: no message arrived
		return nil, nil
	case errors.Is(err, jetstream.ErrNoHeartbeat):
		err = s.whyLost(ctx, err)
	}
	return nil, fmt.Errorf("natsqueue: receive: %w", err)
}

// whyLost returns the reason for a missing heartbeat. Servers before 2.10 don't answer a
// pull request to a consumer that does not exist, so ask whether it does.
func (s *subscription) whyLost(ctx context.Context, lost error) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	_, err := s.consumer.Info(ctx)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	return lost
}

func message(m jetstream.Msg) *driver.Message {
	d := &driver.Message{Body: m.Data(), AckID: m, AsFunc: as(m)}
	for name, values := range m.Headers() {
		if len(values) > 0 {
			if d.Metadata == nil {
				d.Metadata = map[string]string{}
			}
			d.Metadata[unescape(name)] = unescape(values[0])
		}
	}
	if meta, err := m.Metadata(); err == nil {
		d.LoggableID = fmt.Sprintf("%s/%d", meta.Stream, meta.Sequence.Stream)
	}
	return d
}

// unescape reverses the escaping of topic. A publisher other than topic may not have
// escaped s; s is then returned as it is.
func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// SendAcks implements driver.Subscription. It ignores errors: a message whose
// acknowledgement is lost is redelivered after the consumer's ack wait.
func (*subscription) SendAcks(_ context.Context, ids []driver.AckID) error {
	for _, id := range ids {
		_ = id.(jetstream.Msg).Ack()
	}
	return nil
}

// CanNack implements driver.Subscription.
func (*subscription) CanNack() bool { return true }

// SendNacks implements driver.Subscription. It ignores errors as SendAcks does.
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
	_ = s.conn.FlushTimeout(time.Second) // acknowledgements still in the client's buffer
	s.conn.Close()
	return nil
}
