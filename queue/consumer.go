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

	"github.com/fhirdock/fhirdock/internal/panics"
)

// ConsumerOptions of a [Consumer]; nil and zero fields mean the defaults. None may be negative.
type ConsumerOptions struct {
	// Concurrency is the maximum number of concurrent handlers. Default 1.
	Concurrency int
	// MinBackoff and MaxBackoff bound the exponential pauses, with jitter, before a broken
	// subscription is reopened and before [Consumer.RunRaw] calls a handler again.
	// MinBackoff must not be above MaxBackoff. Default 50 ms and 5 s; if only one is set
	// and crosses the other's default, both are equal.
	MinBackoff time.Duration
	MaxBackoff time.Duration
	// Observe is called with the reason when the subscription is lost, or can't be opened
	// at first, and with nil when it is open again. Calls are sequential, and the first
	// one has a reason. It must return quickly. Default: none.
	Observe func(err error)
	// Logger. Default slog.Default().
	Logger *slog.Logger
}

// Consumer receives wake-ups with [Consumer.Run], or arbitrary messages with
// [Consumer.RunRaw].
type Consumer struct {
	opener Opener
	opts   ConsumerOptions
	link   link
}

// NewConsumer returns a Consumer that receives from opener. It opens nothing yet. It fails
// if opener is nil or was made from nil, or if an option is invalid.
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
		o.MaxBackoff = max(5*time.Second, lowest)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	c.link.log, c.link.observe, c.link.err = o.Logger, o.Observe, errNotOpened
	return c, nil
}

// Run receives until ctx is done, waits for running handlers, and returns nil. It opens
// the subscription, with back-off, and reopens it when it breaks. It returns an error only
// if a [Static] subscription broke. While there is no subscription, see
// [ConsumerOptions.Observe] and [Consumer.Err].
//
// The context of handle carries the values of ctx and the message's trace, but is not
// cancelled with ctx: the handler decides how to end its work. Messages are only requested
// while a handler is free; see [Reopen] for what Go CDK prefetches.
func (c *Consumer) Run(ctx context.Context, handle func(ctx context.Context, m Message)) error {
	if handle == nil {
		return errNoHandle
	}
	return c.receive(ctx, func(msg *pubsub.Message) { c.handle(ctx, msg, handle) })
}

var errNoHandle = errors.New("queue: Run and RunRaw need a function to handle messages")

// Err returns why there is no subscription at the moment, or nil if there is one. Before
// Run or RunRaw has opened it, there is none. It is safe for concurrent use.
func (c *Consumer) Err() error { return c.link.state() }

// receive passes each received message to handle, in a goroutine of its own. handle
// settles it.
func (c *Consumer) receive(ctx context.Context, handle func(*pubsub.Message)) error {
	r := &receiver{c: c, handle: handle, slots: make(chan struct{}, c.opts.Concurrency)}
	defer r.closing.Wait()
	defer r.running.Wait()
	for failures := 0; ; failures++ {
		worked, err := r.session(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !c.opener.owned() {
			return fmt.Errorf("queue: the subscription broke and can't be reopened: %w", err)
		}
		if worked {
			failures = 0
		}
		c.link.lost(ctx, err)
		if !c.pause(ctx, failures) {
			return nil
		}
	}
}

// receiver receives from one subscription after another. Handlers of a broken one keep
// running beside those of the next.
type receiver struct {
	c       *Consumer
	handle  func(*pubsub.Message)
	slots   chan struct{} // one element for each running handler
	running sync.WaitGroup
	closing sync.WaitGroup
}

// steady is how long a reopened subscription must last before it counts as open, unless it
// receives a message.
const steady = time.Second

// session receives from a new subscription until that breaks or ctx is done. In the latter
// case it waits for the handlers and returns nil. worked reports whether the subscription
// received a message or lasted.
func (r *receiver) session(ctx context.Context) (worked bool, err error) {
	link := &r.c.link
	sub, ground, err := r.c.opener.open(ctx, r.c.opts.Concurrency)
	if err != nil {
		return false, fmt.Errorf("queue: open subscription: %w", err)
	}
	opened := time.Now()
	if errors.Is(link.state(), errNotOpened) {
		link.open(ctx)
	}
	defer time.AfterFunc(steady, func() { link.open(ctx) }).Stop()
	for {
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			r.end(ctx, sub, ground)
			return worked, nil
		}
		msg, err := sub.Receive(ctx)
		if err != nil {
			<-r.slots
			if ctx.Err() != nil {
				r.end(ctx, sub, ground)
				return worked, nil
			}
			r.closing.Go(func() { r.c.close(ctx, sub, ground) })
			return worked || time.Since(opened) > r.c.opts.MaxBackoff, err
		}
		if !worked {
			worked = true
			link.open(ctx)
		}
		r.running.Go(func() {
			defer func() { <-r.slots }()
			r.handle(msg)
		})
	}
}

// end closes a subscription after all handlers have returned, since the shutdown sends
// their acks.
func (r *receiver) end(ctx context.Context, sub *pubsub.Subscription, ground func() error) {
	r.running.Wait()
	r.c.close(ctx, sub, ground)
}

// handle passes one message to the handler and acknowledges it, whatever the outcome.
func (c *Consumer) handle(ctx context.Context, msg *pubsub.Message, handle func(context.Context, Message)) {
	defer msg.Ack()
	defer func() {
		if p := recover(); p != nil {
			// The value may hold anything; its type does not.
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

// pause waits before the next try. It returns false if ctx is done.
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

// close shuts down a subscription that the Consumer opened, and then the ground, such as a
// connection, on which it was opened.
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
		c.opts.Logger.DebugContext(ctx, "the connection of a subscription was not closed", "error", err.Error())
	}
}
