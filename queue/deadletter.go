package queue

import (
	"context"
	"errors"

	"gocloud.dev/pubsub"
)

// ErrDeadLetter is what a handler of [Consumer.RunRaw] returns, wrapped, for a message
// that can never be handled but that an operator should see. With an Opener of
// [DeadLetters] the message is left to the broker. Otherwise it is acknowledged: given
// back, it would come again at once, for ever.
var ErrDeadLetter = errors.New("queue: message for the dead letters")

// DeadLetters is opener for a subscription whose broker moves a message to a
// dead-letter queue after it was received several times and never acknowledged, as SQS
// does by a queue's redrive policy. Without such a policy the message comes again after
// each visibility timeout.
func DeadLetters(opener Opener) Opener {
	if opener == nil {
		return nil // NewConsumer says so
	}
	return deadLetters{opener}
}

type deadLetters struct{ Opener }

// leave settles a message for the dead letters.
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
