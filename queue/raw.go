package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/internal/panics"
)

// Raw is a message as received.
type Raw struct {
	Body     []byte
	Metadata map[string]string
}

// How long a message whose handler fails is held and retried: a few seconds if the broker
// can take it back, enough for a passing fault but less than the message's lease; longer
// if it can't.
const (
	holdNackable = 3 * time.Second
	holdOther    = 2 * time.Minute
)

// RunRaw is like [Consumer.Run] for arbitrary messages, such as the notifications of an
// object store. Unlike a wake-up, a message whose handler fails is retried:
//
//   - handle returned nil: the message is acknowledged. Return nil, too, for a
//     message that can never be handled.
//   - handle returned an error: it is called again with growing pauses for at least
//     3 seconds. Then the message is given back (Nack), and the broker redelivers it
//     or, if so configured, moves it to a dead-letter queue. A broker that
//     redelivers at once causes no hot loop.
//   - the same, and the driver can't give back (Kafka, core NATS): handle is called
//     again for at least 2 minutes. Then the message is acknowledged, since it would
//     hold up all later ones.
//   - handle returned an error that matches [ErrDeadLetter]: the message is
//     acknowledged or, with [DeadLetters], left to the broker.
//   - handle panicked: the message is acknowledged, since it would panic again.
//
// When ctx is done, a message whose handler failed is given back at once. If the driver
// can't, the message is left unsettled, and redelivered if the broker keeps it.
//
// The context of handle carries the values of ctx and the message's trace, and is not
// cancelled with ctx. A held message counts towards Concurrency: the handler's dependency
// is unavailable, and other messages would fail as well.
func (c *Consumer) RunRaw(ctx context.Context, handle func(ctx context.Context, m Raw) error) error {
	if handle == nil {
		return errNoHandle
	}
	return c.receive(ctx, func(msg *pubsub.Message) { c.handleRaw(ctx, msg, handle) })
}

func (c *Consumer) handleRaw(ctx context.Context, msg *pubsub.Message, handle func(context.Context, Raw) error) {
	hold := holdOther
	if msg.Nackable() {
		hold = holdNackable
	}
	began := time.Now()
	for failures := 0; ; failures++ {
		err := c.callRaw(traced(context.WithoutCancel(ctx), msg.Metadata), msg, handle)
		log := c.opts.Logger.With("message", msg.LoggableID)
		switch {
		case err == nil:
			msg.Ack()
			return
		case errors.Is(err, ErrDeadLetter):
			c.leave(ctx, msg, err)
			return
		case time.Since(began) < hold && c.pause(ctx, failures):
			log.DebugContext(ctx, "message not handled; trying again", "error", err)
			continue
		case msg.Nackable():
			log.WarnContext(ctx, "message not handled; given back to the broker", "error", err)
			msg.Nack()
		case ctx.Err() == nil:
			log.WarnContext(ctx, "message not handled; given up", "error", err)
			msg.Ack()
		default:
			log.WarnContext(ctx, "message not handled; left to the broker", "error", err)
			unsettled(msg)
		}
		return
	}
}

// callRaw calls handle. It returns nil after a panic, since there is nothing to retry.
func (c *Consumer) callRaw(ctx context.Context, msg *pubsub.Message, handle func(context.Context, Raw) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value may hold anything; its type does not.
			c.opts.Logger.ErrorContext(ctx, "handler of a message panicked", "type", fmt.Sprintf("%T", p), "stack", panics.Stack())
			err = nil
		}
	}()
	return handle(ctx, Raw{Body: msg.Body, Metadata: msg.Metadata})
}

// unsettled leaves a message neither acknowledged nor given back. It removes Go CDK's
// finalizer, which would report the message as forgotten on the standard log.
func unsettled(msg *pubsub.Message) { runtime.SetFinalizer(msg, nil) }
