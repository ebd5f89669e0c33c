package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue/panics"
)

// Raw is a message of any content, as it came.
type Raw struct {
	Body     []byte
	Metadata map[string]string
}

// How long a message is held, and handled again, whose handler fails: a few seconds
// where the broker can take it back, in which a passing fault is over and the
// message's own time with the broker is not; longer where it can't.
const (
	holdNackable = 3 * time.Second
	holdOther    = 2 * time.Minute
)

// RunRaw receives like [Consumer.Run], messages of any content: such as the
// notifications of an object store, which are not ours to form. Unlike a wake-up,
// one whose handler fails is not done with:
//
//   - handle returned nil: the message is acknowledged. So is one that can
//     never be handled, for which handle must return nil.
//   - handle returned an error: it is called again for the same message, with growing
//     pauses, for at least 3 seconds; then the message is given back (Nack), for the
//     broker to send it again or, where it is set up so, to put it aside as a dead
//     letter. A broker that sends again at once makes no hot loop of it.
//   - the same, and the driver can't give back (Kafka, core NATS): for at least 2
//     minutes; then the message is acknowledged, since it would hold up all messages after it.
//   - handle returned an error that matches [ErrDeadLetter]: the message is
//     acknowledged, or left to a broker that puts it aside.
//   - handle panicked: the message is acknowledged, for it would panic again.
//
// When ctx is done, a message whose handler failed is given back at once; one that
// can't be is neither acknowledged nor given back, and comes again if its broker
// keeps it.
//
// The context that handle gets carries the values of ctx and the message's trace, and
// is not cancelled with ctx. While a message is held, it keeps one place of Concurrency: what handle needs
// is away, and other messages would fare no better.
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
			log.DebugContext(ctx, "message not handled; handling it again", "error", err)
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

// callRaw calls handle. A panic is no error of it: there is nothing to be tried
// again.
func (c *Consumer) callRaw(ctx context.Context, msg *pubsub.Message, handle func(context.Context, Raw) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// What a panic carries may be anything; its type is not.
			c.opts.Logger.ErrorContext(ctx, "handler of a message panicked", "type", fmt.Sprintf("%T", p), "stack", panics.Stack())
			err = nil
		}
	}()
	return handle(ctx, Raw{Body: msg.Body, Metadata: msg.Metadata})
}

// unsettled leaves a message neither acknowledged nor given back. Go CDK would say on
// the standard log that it was forgotten.
func unsettled(msg *pubsub.Message) { runtime.SetFinalizer(msg, nil) }
