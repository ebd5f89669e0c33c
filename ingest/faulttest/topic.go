package faulttest

import (
	"context"
	"sync"
	"time"

	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
)

// Topic returns a topic with faults. Messages are sent individually and concurrently. A send
// that hangs does so until Shutdown's context ends.
func Topic(inner *pubsub.Topic, plan Plan) *pubsub.Topic {
	return pubsub.NewTopic(&topic{inner: inner, plan: plan}, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 100})
}

// jobIDMetadata is the metadata key of a wake-up's job id.
const jobIDMetadata = "jobId"

// delay is how long a message is held if no other one follows.
const delay = time.Second

type topic struct {
	inner *pubsub.Topic
	plan  Plan

	mu   sync.Mutex
	held []*pubsub.Message
	due  *time.Timer // nil if none is held
}

func (t *topic) IsRetryable(error) bool                 { return false }
func (t *topic) As(i any) bool                          { return t.inner.As(i) }
func (t *topic) ErrorAs(err error, i any) bool          { return t.inner.ErrorAs(err, i) }
func (t *topic) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }

func (t *topic) SendBatch(ctx context.Context, ms []*driver.Message) error {
	for _, m := range ms {
		if err := t.send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (t *topic) send(ctx context.Context, m *driver.Message) error {
	c := Call{TopicSend, m.Metadata[jobIDMetadata]}
	fresh := func() *pubsub.Message { // a message can only be sent once
		return &pubsub.Message{Body: m.Body, Metadata: m.Metadata, BeforeSend: m.BeforeSend, AfterSend: m.AfterSend}
	}
	fault := t.plan.decide(ctx, c)
	switch fault {
	case Drop:
		return nil
	case Delay:
		t.hold(fresh())
		return nil
	}
	err := inject(ctx, fault, c, func(ctx context.Context) error { return t.inner.Send(ctx, fresh()) })
	t.release(ctx)
	return err
}

func (t *topic) hold(m *pubsub.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = append(t.held, m)
	if t.due == nil {
		t.due = time.AfterFunc(delay, func() { t.release(context.Background()) })
	}
}

// release sends the held message. After an error it is lost.
func (t *topic) release(ctx context.Context) {
	t.mu.Lock()
	held := t.held
	t.held = nil
	if t.due != nil {
		t.due.Stop()
		t.due = nil
	}
	t.mu.Unlock()
	for _, m := range held {
		_ = t.inner.Send(ctx, m)
	}
}

// Close sends the held message, and leaves the inner topic open.
func (t *topic) Close() error {
	t.release(context.Background())
	return nil
}
