package natsqueue

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

// topic implements driver.Topic on a stream of JetStream.
type topic struct {
	codes
	at   *address
	conn *nats.Conn
	js   jetstream.JetStream
}

// openTopic connects and makes the stream. While the server is away it does so later:
// the client connects in the background, and a message that finds no stream makes it.
func openTopic(ctx context.Context, a *address) (*pubsub.Topic, error) {
	conn, js, err := a.connect()
	switch {
	case err == nil:
		if err = a.makeStream(ctx, js); err != nil {
			conn.Close()
			return nil, err
		}
	case away(err):
		a.log.WarnContext(ctx, "NATS is away; wake-ups are sent once it is there", "error", err.Error())
		if conn, js, err = a.connect(nats.RetryOnFailedConnect(true)); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	// One message at a time, each with an answer of its own, and many at once.
	return pubsub.NewTopic(&topic{at: a, conn: conn, js: js}, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 100}), nil
}

// SendBatch implements driver.Topic. A message is sent once JetStream has stored it.
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
		msg.Header.Set(url.QueryEscape(name), url.QueryEscape(value)) // a header takes less than metadata may have
	}
	if m.BeforeSend != nil {
		if err := m.BeforeSend(as(msg)); err != nil {
			return err
		}
	}
	// The client waits 5 seconds for an answer.
	_, err := t.js.PublishMsg(ctx, msg)
	if errors.Is(err, jetstream.ErrNoStreamResponse) { // no stream takes the subject
		t.at.log.WarnContext(ctx, "the stream is gone; it is made again", "stream", t.at.name)
		if err = t.at.makeStream(ctx, t.js); err == nil {
			_, err = t.js.PublishMsg(ctx, msg)
		}
	}
	if err != nil {
		return fmt.Errorf("natsqueue: send: %w", err)
	}
	if m.AfterSend != nil {
		return m.AfterSend(func(any) bool { return false })
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

// as gives a value to a pointer to its type.
func as[T any](v T) func(any) bool {
	return func(i any) bool {
		p, ok := i.(*T)
		if ok {
			*p = v
		}
		return ok
	}
}

// codes are what topic and subscription have in common.
type codes struct{}

func (codes) IsRetryable(error) bool  { return false }
func (codes) ErrorAs(error, any) bool { return false }
func (codes) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, context.Canceled):
		return gcerrors.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return gcerrors.DeadlineExceeded
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrPermissionViolation):
		return gcerrors.PermissionDenied
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrConsumerNotFound):
		return gcerrors.NotFound
	}
	return gcerrors.Unknown
}
