package rabbitqueue

import (
	"context"
	"errors"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/relay"
)

// reopened is a driver of a topic on RabbitMQ whose connection is made anew once
// it is lost: the client library does not do so, and a Go CDK topic stays with
// the connection that it was opened with.
type reopened struct {
	open func() (*pubsub.Topic, *amqp.Connection, error)

	mu    sync.Mutex
	topic *pubsub.Topic
	conn  *amqp.Connection
}

// ready opens the topic unless it is open.
func (t *reopened) ready() error {
	_, err := t.current()
	return err
}

func (t *reopened) current() (*pubsub.Topic, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topic != nil && !t.conn.IsClosed() {
		return t.topic, nil
	}
	topic, conn, err := t.open()
	if err != nil {
		return nil, err
	}
	t.topic, t.conn = topic, conn // the one before has nothing left to send or to close
	return topic, nil
}

// SendBatch implements driver.Topic. Messages are persistent, so that they
// outlive the server's restart in classic queues too.
func (t *reopened) SendBatch(ctx context.Context, ms []*driver.Message) error {
	topic, err := t.current()
	if err != nil {
		return err
	}
	return relay.Send(ctx, topic, ms, func(as func(any) bool) {
		var p *amqp.Publishing
		if as(&p) {
			p.DeliveryMode = amqp.Persistent
		}
	})
}

// Close implements driver.Topic.
func (t *reopened) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topic == nil {
		return nil
	}
	err := t.topic.Shutdown(context.Background()) // everything was sent: SendBatch waits for it
	if !t.conn.IsClosed() {
		err = errors.Join(err, t.conn.Close())
	}
	return err
}

func (*reopened) IsRetryable(error) bool                 { return false }
func (*reopened) As(any) bool                            { return false }
func (*reopened) ErrorAs(error, any) bool                { return false }
func (*reopened) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
