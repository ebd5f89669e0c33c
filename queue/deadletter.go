package queue

import (
	"context"
	"errors"

	"gocloud.dev/pubsub"
)

// ErrDeadLetter is returned, wrapped, by a handler of [Consumer.RunRaw] for a message that
// can never be handled but that an operator should see. With an Opener from [DeadLetters]
// the message is left to the broker. Otherwise it is acknowledged, since it would be
// redelivered for ever.
var ErrDeadLetter = errors.New("queue: dead letter")

// DeadLetters marks opener as one whose broker moves a message to a dead-letter queue
// after several deliveries without an acknowledgement, as SQS does with a redrive policy.
// Without such a policy the message is redelivered after each visibility timeout.
func DeadLetters(opener Opener) Opener {
	if opener == nil {
		return nil // an error of NewConsumer
	}
	return deadLetters{opener}
}

type deadLetters struct{ Opener }

// leave settles a message that can't be handled.
func (c *Consumer) leave(ctx context.Context, msg *pubsub.Message, why error) {
	log := c.opts.Logger.With("message", msg.LoggableID, "error", why)
	if _, ok := c.opener.(deadLetters); !ok {
		log.WarnContext(ctx, "message dropped")
		msg.Ack()
		return
	}
	log.WarnContext(ctx, "message left to the broker, to be moved to the dead-letter queue")
	unsettled(msg)
}
