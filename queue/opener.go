package queue

import (
	"context"
	"errors"

	"gocloud.dev/pubsub"
)

// Opener opens the subscription that a [Consumer] receives from: [Static], [Reopen]
// or [ReopenWith].
type Opener interface {
	// open returns, besides the subscription, what closes the ground that it stands
	// on once it is shut down; nil if there is nothing.
	open(ctx context.Context, concurrency int) (*pubsub.Subscription, func() error, error)
	owned() bool
	// check returns an error if open can't work.
	check() error
}

// Static is an Opener for a subscription that is open already and needs no
// reopening, such as that of [NewLocal]. It stays the caller's to shut down. If
// it breaks, or is shut down, Run returns an error: it can't be opened again.
func Static(s *pubsub.Subscription) Opener { return static{s} }

// Reopen is an Opener that opens the subscription when a Consumer starts, and
// again when it broke: a Go CDK subscription that has once failed stays broken.
// An opening that fails is repeated too, so that a program may start before its
// broker. The Consumer shuts down what it opened.
//
// Go CDK takes messages ahead of Receive, hundreds of them where handlers are
// quick; they wait in this process while others are idle. A subscription made
// with batcher.Options{MaxBatchSize: 1, MaxHandlers: 1} for receiving takes one
// or two only.
func Reopen(open func(ctx context.Context) (*pubsub.Subscription, error)) Opener {
	if open == nil {
		return reopen(nil)
	}
	return reopen(func(ctx context.Context, _ int) (*pubsub.Subscription, func() error, error) {
		s, err := open(ctx)
		return s, nil, err
	})
}

// ReopenWith is Reopen for drivers that need to know how many messages the Consumer
// handles at once, and for those whose subscription does not close what it was opened
// with, such as a connection: open returns what does, or nil, which the Consumer calls
// after the shutdown of that subscription, once for each.
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
