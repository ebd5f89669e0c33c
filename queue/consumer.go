package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue/panics"
)

// Opener opens the subscription that a [Consumer] receives from: [Static], [Reopen]
// or [ReopenWith].
type Opener interface {
	// open returns, besides the subscription, what closes the ground that it stands
	// on once it is shut down; nil if there is nothing.
	open(ctx context.Context) (*pubsub.Subscription, func() error, error)
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
// The Consumer shuts down what it opened.
//
// Go CDK takes messages ahead of Receive, hundreds of them where handlers are
// quick; they wait in this process while others are idle. A subscription made
// with batcher.Options{MaxBatchSize: 1, MaxHandlers: 1} for receiving takes one
// or two only.
func Reopen(open func(ctx context.Context) (*pubsub.Subscription, error)) Opener {
	if open == nil {
		return reopen(nil)
	}
	return reopen(func(ctx context.Context) (*pubsub.Subscription, func() error, error) {
		s, err := open(ctx)
		return s, nil, err
	})
}

// ReopenWith is Reopen for drivers whose subscription does not close what it was
// opened with, such as a connection: open returns what does, which the Consumer
// calls after the shutdown of that subscription, once for each.
func ReopenWith(open func(ctx context.Context) (*pubsub.Subscription, func() error, error)) Opener {
	return reopen(open)
}

type static struct{ s *pubsub.Subscription }

func (o static) open(context.Context) (*pubsub.Subscription, func() error, error) {
	return o.s, nil, nil
}
func (static) owned() bool { return false }
func (o static) check() error {
	if o.s == nil {
		return errors.New("queue: Static was given a nil subscription")
	}
	return nil
}

type reopen func(ctx context.Context) (*pubsub.Subscription, func() error, error)

func (o reopen) open(ctx context.Context) (*pubsub.Subscription, func() error, error) { return o(ctx) }
func (reopen) owned() bool                                                            { return true }
func (o reopen) check() error {
	if o == nil {
		return errors.New("queue: Reopen and ReopenWith need a function")
	}
	return nil
}

// ConsumerOptions; nil, and zero fields, mean the defaults. None may be negative.
type ConsumerOptions struct {
	// Concurrency bounds the handlers that run at once. Default 1.
	Concurrency int
	// MinBackoff and MaxBackoff bound the exponential pauses, with jitter,
	// before a subscription that broke is opened again, and before a message is
	// handled again by [Consumer.RunRaw]. MinBackoff must not be above MaxBackoff.
	// Default 50 ms and 30 s; one that is not set follows the other where that is
	// beyond its default.
	MinBackoff time.Duration
	MaxBackoff time.Duration
	// Logger; default slog.Default().
	Logger *slog.Logger
}

// Consumer receives wake-ups with [Consumer.Run], or messages of any content with
// [Consumer.RunRaw].
type Consumer struct {
	opener Opener
	opts   ConsumerOptions
}

// NewConsumer returns a Consumer of what opener opens. It opens nothing yet. It is an
// error if the opener is nil or was made of nil, or if an option can't work.
func NewConsumer(opener Opener, opts *ConsumerOptions) (*Consumer, error) {
	if opener == nil {
		return nil, errors.New("queue: a consumer needs an opener: Static, Reopen or ReopenWith")
	}
	if err := opener.check(); err != nil {
		return nil, err
	}
	c := &Consumer{opener: opener}
	if opts != nil {
		c.opts = *opts
	}
	o := &c.opts
	switch {
	case o.Concurrency < 0:
		return nil, errors.New("queue: ConsumerOptions.Concurrency must not be negative")
	case o.MinBackoff < 0 || o.MaxBackoff < 0:
		return nil, errors.New("queue: ConsumerOptions.MinBackoff and MaxBackoff must not be negative")
	case o.MaxBackoff > 0 && o.MinBackoff > o.MaxBackoff:
		return nil, errors.New("queue: ConsumerOptions.MinBackoff must not be above MaxBackoff")
	}
	if o.Concurrency == 0 {
		o.Concurrency = 1
	}
	lowest, highest := o.MinBackoff, o.MaxBackoff
	if lowest == 0 {
		o.MinBackoff = 50 * time.Millisecond
		if highest > 0 {
			o.MinBackoff = min(o.MinBackoff, highest)
		}
	}
	if highest == 0 {
		o.MaxBackoff = max(30*time.Second, lowest)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return c, nil
}

// Run receives until ctx is done, waits for the handlers that run, and returns
// nil. It reopens a subscription that broke, with back-off, and returns an error
// only where the first opening failed or a [Static] subscription broke. handle
// gets a context that carries the values of ctx and the message's trace but is
// not cancelled with ctx: how work under way ends is the handler's to decide.
// Messages are asked for only while a handler is free; see [Reopen] for what Go
// CDK takes ahead.
func (c *Consumer) Run(ctx context.Context, handle func(ctx context.Context, m Message)) error {
	if handle == nil {
		return errNoHandle
	}
	return c.receive(ctx, func(msg *pubsub.Message) { c.handle(ctx, msg, handle) })
}

var errNoHandle = errors.New("queue: Run and RunRaw need a function to handle messages")

// receive passes on what is received, each message in a goroutine of its own,
// which settles it.
func (c *Consumer) receive(ctx context.Context, handle func(*pubsub.Message)) error {
	sub, ground, err := c.opener.open(ctx)
	if err != nil {
		return fmt.Errorf("queue: open subscription: %w", err)
	}
	var running sync.WaitGroup
	free := make(chan struct{}, c.opts.Concurrency)
	defer func() {
		running.Wait() // before the shutdown, which sends their acks
		c.close(ctx, sub, ground)
	}()
	opened := time.Now()
	for failures := 0; ; {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		msg, err := sub.Receive(ctx)
		if err == nil {
			failures = 0
			running.Go(func() {
				defer func() { <-free }()
				handle(msg)
			})
			continue
		}
		<-free
		if ctx.Err() != nil {
			return nil
		}
		if !c.opener.owned() {
			return fmt.Errorf("queue: the subscription broke, and can't be opened again: %w", err)
		}
		c.opts.Logger.WarnContext(ctx, "subscription broke; opening it again", "error", err.Error())
		if time.Since(opened) > c.opts.MaxBackoff {
			failures = 0 // it worked, even if nothing came
		}
		for {
			if !c.pause(ctx, failures) {
				return nil
			}
			failures++
			next, nextGround, err := c.opener.open(ctx)
			if err == nil {
				c.close(ctx, sub, ground)
				sub, ground, opened = next, nextGround, time.Now()
				break
			}
			c.opts.Logger.WarnContext(ctx, "subscription not opened", "error", err.Error())
		}
	}
}

// handle passes one message on and acknowledges it, whatever comes of it.
func (c *Consumer) handle(ctx context.Context, msg *pubsub.Message, handle func(context.Context, Message)) {
	defer msg.Ack()
	defer func() {
		if p := recover(); p != nil {
			// What a panic carries may be anything; its type is not.
			c.opts.Logger.ErrorContext(ctx, "handler of a wake-up panicked", "type", fmt.Sprintf("%T", p), "stack", panics.Stack())
		}
	}()
	m, err := Decode(msg.Body)
	if err != nil {
		c.opts.Logger.WarnContext(ctx, "message dropped", "error", err)
		return
	}
	handle(traced(context.WithoutCancel(ctx), msg.Metadata), m)
}

// pause waits before what failed is tried again; false if ctx is done.
func (c *Consumer) pause(ctx context.Context, failures int) bool {
	bound := c.opts.MaxBackoff
	if shift := min(failures, 30); c.opts.MinBackoff < bound>>shift {
		bound = c.opts.MinBackoff << shift
	}
	timer := time.NewTimer(bound/2 + rand.N(bound/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// close shuts down a subscription that the Consumer opened, and then what it was opened
// with.
func (c *Consumer) close(ctx context.Context, sub *pubsub.Subscription, ground func() error) {
	if !c.opener.owned() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := sub.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		c.opts.Logger.DebugContext(ctx, "subscription not shut down", "error", err.Error())
	}
	if ground == nil {
		return
	}
	if err := ground(); err != nil {
		c.opts.Logger.DebugContext(ctx, "what a subscription was opened with is not closed", "error", err.Error())
	}
}
