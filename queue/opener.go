package queue

import (
	"context"
	"errors"

	"gocloud.dev/pubsub"
)

// Opener opens the subscription that a [Consumer] receives from: [Static], [Reopen]
// or [ReopenWith].
type Opener interface {
	// open returns the subscription and a function, or nil, that closes its ground, such
	// as a connection, after the subscription is shut down.
	open(ctx context.Context, concurrency int) (*pubsub.Subscription, func() error, error)
	owned() bool
	// check returns an error if the Opener is not usable.
	check() error
}

// Static returns an Opener for an open subscription that needs no reopening, such as one
// from [NewLocal]. The caller shuts it down. If it breaks or is shut down, Run returns an
// error.
func Static(s *pubsub.Subscription) Opener { return static{s} }

// Reopen returns an Opener that opens the subscription when a Consumer starts, and again
// whenever it breaks, since a failed Go CDK subscription stays broken. Failed attempts are
// repeated, so a program may start before its broker. The Consumer shuts down the
// subscriptions it opened.
//
// Go CDK prefetches messages, hundreds if handlers are quick; they wait in this process
// while other processes are idle. A subscription made with batcher.Options{MaxBatchSize:
// 1, MaxHandlers: 1} for receiving prefetches only one or two.
func Reopen(open func(ctx context.Context) (*pubsub.Subscription, error)) Opener {
	if open == nil {
		return reopen(nil)
	}
	return reopen(func(ctx context.Context, _ int) (*pubsub.Subscription, func() error, error) {
		s, err := open(ctx)
		return s, nil, err
	})
}

// ReopenWith is Reopen for drivers that need the Consumer's Concurrency, or whose
// subscription does not close its connection: open may return a function that does. The
// Consumer calls it once, after it has shut down that subscription.
func ReopenWith(open func(ctx context.Context, concurrency int) (*pubsub.Subscription, func() error, error)) Opener {
	return reopen(open)
}

type static struct{ s *pubsub.Subscription }

func (o static) open(context.Context, int) (*pubsub.Subscription, func() error, error) {
	return o.s, nil, nil
}
func (static) owned() bool { return false }
func (o static) check() error {
	if o.s == nil {
		return errors.New("queue: Static was given a nil subscription")
	}
	return nil
}

type reopen func(ctx context.Context, concurrency int) (*pubsub.Subscription, func() error, error)

func (o reopen) open(ctx context.Context, concurrency int) (*pubsub.Subscription, func() error, error) {
	return o(ctx, concurrency)
}
func (reopen) owned() bool { return true }
func (o reopen) check() error {
	if o == nil {
		return errors.New("queue: Reopen and ReopenWith need a function")
	}
	return nil
}
