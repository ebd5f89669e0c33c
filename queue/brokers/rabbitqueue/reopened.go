package rabbitqueue

import (
	"context"
	"errors"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"golang.org/x/sync/errgroup"
)

const (
	// sendTimeout bounds the wait for confirmations. A broker with a memory or disk alarm
	// confirms nothing.
	sendTimeout = 10 * time.Second
	// redeclareEvery limits how often a failed message causes new declarations.
	redeclareEvery = time.Second
)

// reopened implements driver.Topic over Go CDK's topic, and replaces it and its connection
// when the connection is lost. Opening a new one declares what may be missing.
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
	t.topic, t.conn, t.opened = topic, conn, time.Now() // the old connection is closed, and nothing is in flight
	return topic, nil
}

// drop closes the connection of a topic after a failed send: it may hang, or an exchange or
// queue may be gone. It reports whether to try again.
func (t *reopened) drop(topic *pubsub.Topic) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topic != topic { // another sender has dropped it
		return true
	}
	if !t.conn.IsClosed() && time.Since(t.opened) < redeclareEvery {
		return false // everything was declared just now
	}
	_ = t.conn.CloseDeadline(time.Now().Add(closeTimeout))
	return true
}

// SendBatch implements driver.Topic. Messages are persistent, so that they survive a restart
// of the server in classic queues too.
func (t *reopened) SendBatch(ctx context.Context, ms []*driver.Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	for tries := 1; ; tries++ {
		topic, err := t.current()
		if err != nil {
			return err
		}
		err = send(ctx, topic, ms, func(as func(any) bool) {
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

// send sends a driver's messages through a topic, and calls before ahead of each message's
// own BeforeSend.
func send(ctx context.Context, topic *pubsub.Topic, ms []*driver.Message, before func(as func(any) bool)) error {
	var g errgroup.Group
	for _, m := range ms {
		g.Go(func() error {
			return topic.Send(ctx, &pubsub.Message{
				Body: m.Body, Metadata: m.Metadata, AfterSend: m.AfterSend,
				BeforeSend: func(as func(any) bool) error {
					before(as)
					if m.BeforeSend == nil {
						return nil
					}
					return m.BeforeSend(as)
				},
			})
		})
	}
	return g.Wait()
}

// Close implements driver.Topic.
func (t *reopened) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.topic == nil {
		return nil
	}
	err := t.topic.Shutdown(context.Background()) // nothing is in flight: SendBatch waits
	return errors.Join(err, hangUp(t.conn))
}

// As implements driver.Topic.
func (*reopened) As(any) bool { return false }
