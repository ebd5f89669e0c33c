package rabbitqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

const (
	// closeTimeout bounds the closing of a connection.
	closeTimeout = 2 * time.Second
	// checkEvery is how often an idle queue is checked. RabbitMQ does not always report that
	// a queue was deleted if it is declared again soon after.
	checkEvery = 5 * time.Second
)

// subscription implements driver.Subscription. Go CDK's driver delays every message by 50 ms
// to fill its batch.
type subscription struct {
	codes
	queue      string
	conn       *amqp.Connection // owned
	ch         *amqp.Channel
	deliveries <-chan amqp.Delivery
	closed     chan *amqp.Error
}

// openSubscription consumes a queue. The subscription takes over the connection.
func openSubscription(conn *amqp.Connection, queue string, prefetch int) (*pubsub.Subscription, error) {
	s, err := consume(conn, queue, prefetch)
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", queue, errors.Join(err, hangUp(conn)))
	}
	// One message at a time; prefetch bounds the rest.
	return pubsub.NewSubscription(s, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1}, nil), nil
}

func consume(conn *amqp.Connection, queue string, prefetch int) (*subscription, error) {
	defer closeAfter(conn, declareTimeout)()
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	s := &subscription{queue: queue, conn: conn, ch: ch, closed: ch.NotifyClose(make(chan *amqp.Error, 1))}
	s.deliveries, err = ch.Consume(queue, "", false, false, false, false, nil)
	return s, err
}

// errEnded means that the broker cancelled the consumer, as when the queue is deleted.
var errEnded = errors.New("rabbitqueue: the broker ended the subscription")

// ReceiveBatch implements driver.Subscription.
func (s *subscription) ReceiveBatch(ctx context.Context, _ int) ([]*driver.Message, error) {
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for open := true; open; {
		var d amqp.Delivery
		select {
		case d, open = <-s.deliveries:
			if open {
				return []*driver.Message{message(d)}, nil
			}
		case <-check.C:
			stop := closeAfter(s.conn, declareTimeout)
			q, err := s.ch.QueueDeclarePassive(s.queue, true, false, false, false, nil)
			stop()
			if err != nil {
				return nil, fmt.Errorf("rabbitqueue: receive: %w", err)
			}
			open = q.Consumers > 0 // at least ours
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case err := <-s.closed:
		if err != nil {
			return nil, fmt.Errorf("rabbitqueue: receive: %w", err)
		}
	default:
	}
	return nil, errEnded
}

func message(d amqp.Delivery) *driver.Message {
	m := &driver.Message{
		LoggableID: fmt.Sprintf("delivery %d", d.DeliveryTag),
		Body:       d.Body, AckID: d.DeliveryTag, Metadata: make(map[string]string, len(d.Headers)),
		AsFunc: func(i any) bool {
			p, ok := i.(*amqp.Delivery)
			if ok {
				*p = d
			}
			return ok
		},
	}
	for name, value := range d.Headers {
		m.Metadata[name] = fmt.Sprint(value)
	}
	return m
}

// SendAcks implements driver.Subscription.
func (s *subscription) SendAcks(_ context.Context, ids []driver.AckID) error {
	for _, id := range ids {
		if err := s.ch.Ack(id.(uint64), false); err != nil {
			return err
		}
	}
	return nil
}

// CanNack implements driver.Subscription.
func (*subscription) CanNack() bool { return true }

// SendNacks implements driver.Subscription.
func (s *subscription) SendNacks(_ context.Context, ids []driver.AckID) error {
	for _, id := range ids {
		if err := s.ch.Nack(id.(uint64), false, true); err != nil {
			return err
		}
	}
	return nil
}

// As implements driver.Subscription.
func (s *subscription) As(i any) bool {
	p, ok := i.(**amqp.Connection)
	if ok {
		*p = s.conn
	}
	return ok
}

// Close implements driver.Subscription. Unacknowledged messages return to the queue.
func (s *subscription) Close() error { return hangUp(s.conn) }

// hangUp closes a connection that may already be closed.
func hangUp(conn *amqp.Connection) error {
	if err := conn.CloseDeadline(time.Now().Add(closeTimeout)); err != nil && !errors.Is(err, amqp.ErrClosed) {
		return err
	}
	return nil
}

// codes implements the error methods that topic and subscription share.
type codes struct{}

func (codes) IsRetryable(error) bool { return false }
func (codes) ErrorAs(err error, i any) bool {
	p, ok := i.(**amqp.Error)
	return ok && errors.As(err, p)
}
func (codes) ErrorCode(err error) gcerrors.ErrorCode {
	e, ok := errors.AsType[*amqp.Error](err)
	switch {
	case ok && e.Code == amqp.NotFound:
		return gcerrors.NotFound
	case ok && e.Code == amqp.AccessRefused:
		return gcerrors.PermissionDenied
	case ok && e.Code == amqp.PreconditionFailed:
		return gcerrors.FailedPrecondition
	}
	return gcerrors.Code(err)
}
