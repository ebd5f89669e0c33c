package natsqueue

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

// topic implements driver.Topic for one subject of a JetStream stream.
type topic struct {
	errorCodes
	at   *address
	conn *nats.Conn
	js   jetstream.JetStream
}

func openTopic(ctx context.Context, a *address) (*pubsub.Topic, error) {
	t, err := newTopic(ctx, a)
	if err != nil {
		return nil, err
	}
	// JetStream acknowledges each message by itself, so send them one by one, many at a
	// time.
	return pubsub.NewTopic(t, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 100}), nil
}

// newTopic connects and creates the stream if necessary. If the server is unreachable,
// the client connects in the background, and the first message that finds no stream
// creates it.
func newTopic(ctx context.Context, a *address) (*topic, error) {
	conn, js, err := a.connect()
	switch {
	case err == nil:
		if err = a.makeStream(ctx, js); err != nil {
			conn.Close()
			return nil, err
		}
	case unreachable(err):
		a.log.WarnContext(ctx, "NATS is unreachable; wake-ups are not sent until it is back", "error", err.Error())
		if conn, js, err = a.connect(nats.RetryOnFailedConnect(true)); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	return &topic{at: a, conn: conn, js: js}, nil
}

// SendBatch implements driver.Topic. It returns once JetStream has stored every message.
func (t *topic) SendBatch(ctx context.Context, ms []*driver.Message) error {
	for _, m := range ms {
		if err := t.send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (t *topic) send(ctx context.Context, m *driver.Message) error {
	msg := &nats.Msg{Subject: t.at.subject, Data: m.Body, Header: nats.Header{}}
	for name, value := range m.Metadata {
		// Headers allow fewer characters than metadata.
		msg.Header.Set(url.QueryEscape(name), url.QueryEscape(value))
	}
	if m.BeforeSend != nil {
		if err := m.BeforeSend(as(msg)); err != nil {
			return err
		}
	}
	// Without a deadline in ctx, the client waits 5 seconds for the acknowledgement.
	ack, err := t.js.PublishMsg(ctx, msg)
	if errors.Is(err, jetstream.ErrNoStreamResponse) { // no stream has the subject
		t.at.log.WarnContext(ctx, "the stream is gone; creating it again", "stream", t.at.name)
		if err = t.at.makeStream(ctx, t.js); err == nil {
			ack, err = t.js.PublishMsg(ctx, msg)
		}
	}
	if err != nil {
		return fmt.Errorf("natsqueue: send: %w", err)
	}
	if m.AfterSend != nil {
		return m.AfterSend(as(ack))
	}
	return nil
}

// As implements driver.Topic.
func (t *topic) As(i any) bool { return as(t.conn)(i) || as(t.js)(i) }

// Close implements driver.Topic.
func (t *topic) Close() error {
	t.conn.Close()
	return nil
}

// as returns an As function that exposes v.
func as[T any](v T) func(any) bool {
	return func(i any) bool {
		p, ok := i.(*T)
		if ok {
			*p = v
		}
		return ok
	}
}
