package rabbitqueue

import (
	"context"
	"errors"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/relay"
)

const (
	// sendTimeout is how long the broker may take to confirm messages. One under a
	// memory or disk alarm confirms nothing, for as long as that lasts.
	sendTimeout = 10 * time.Second
	// redeclareEvery bounds how often all is declared anew because a message was refused.
	redeclareEvery = time.Second
)

// reopened is a driver of a topic on RabbitMQ whose connection is made anew once
// it is lost: the client library does not do so, and a Go CDK topic stays with
// the connection that it was opened with. With a new connection all is declared that
// may be gone.
type reopened struct {
	codes
	open func() (*pubsub.Topic, *amqp.Connection, error)

	mu     sync.Mutex
	topic  *pubsub.Topic
	conn   *amqp.Connection
	opened time.Time
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
	t.topic, t.conn, t.opened = topic, conn, time.Now() // the one before has nothing left to send or to close
	return topic, nil
}

// drop gives up the connection of a topic by which messages could not be sent: it may
// hang, or an exchange or queue be gone. It reports whether another try makes sense.
func (t *reopened) drop(topic *pubsub.Topic) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topic != topic { // somebody has
		return true
	}
	if !t.conn.IsClosed() && time.Since(t.opened) < redeclareEvery {
		return false // nothing that was just declared is missing
	}
	_ = t.conn.CloseDeadline(time.Now().Add(closeTimeout))
	return true
}

// SendBatch implements driver.Topic. Messages are persistent, so that they
// outlive the server's restart in classic queues too.
func (t *reopened) SendBatch(ctx context.Context, ms []*driver.Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	for tries := 1; ; tries++ {
		topic, err := t.current()
		if err != nil {
			return err
		}
		err = relay.Send(ctx, topic, ms, func(as func(any) bool) {
			var p *amqp.Publishing
			if as(&p) {
				p.DeliveryMode = amqp.Persistent
			}
		})
		if err == nil || !t.drop(topic) || tries == 2 || ctx.Err() != nil {
			return err
		}
	}
}

// Close implements driver.Topic.
func (t *reopened) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topic == nil {
		return nil
	}
	err := t.topic.Shutdown(context.Background()) // everything was sent: SendBatch waits for it
	return errors.Join(err, hangUp(t.conn))
}

// As implements driver.Topic.
func (*reopened) As(any) bool { return false }
