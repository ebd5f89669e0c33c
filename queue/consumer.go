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

// ConsumerOptions; nil, and zero fields, mean the defaults. None may be negative.
type ConsumerOptions struct {
	// Concurrency bounds the handlers that run at once. Default 1.
	Concurrency int
	// MinBackoff and MaxBackoff bound the exponential pauses, with jitter,
	// before a subscription that broke is opened again, and before a message is
	// handled again by [Consumer.RunRaw]. MinBackoff must not be above MaxBackoff.
	// Default 50 ms and 5 s; one that is not set follows the other where that is
	// beyond its default.
	MinBackoff time.Duration
	MaxBackoff time.Duration
	// Observe is called with the reason when there is no subscription any more, or none
	// yet because its broker is away, and with nil when there is one again. Calls come
	// one at a time, the first one with a reason. It must be quick. Default: none.
	Observe func(err error)
	// Logger; default slog.Default().
	Logger *slog.Logger
}

// Consumer receives wake-ups with [Consumer.Run], or messages of any content with
// [Consumer.RunRaw].
type Consumer struct {
	opener Opener
	opts   ConsumerOptions
	link   link
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
		o.MaxBackoff = max(5*time.Second, lowest)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	c.link.log, c.link.observe, c.link.err = o.Logger, o.Observe, errNotOpened
	return c, nil
}

// Run receives until ctx is done, waits for the handlers that run, and returns
// nil. It opens the subscription, again where that failed or it broke, with
// back-off, and returns an error only where a [Static] subscription broke. See
// [ConsumerOptions.Observe] and [Consumer.Err] for the time without one. handle
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

// Err is why there is no subscription just now, or nil if there is one. Before Run or
// RunRaw has opened it, there is none. It is safe for concurrent use.
func (c *Consumer) Err() error { return c.link.state() }

// receive passes on what is received, each message in a goroutine of its own,
// which settles it.
func (c *Consumer) receive(ctx context.Context, handle func(*pubsub.Message)) error {
	r := &receiver{c: c, handle: handle, free: make(chan struct{}, c.opts.Concurrency)}
	defer r.closing.Wait()
	defer r.running.Wait()
	for failures := 0; ; failures++ {
		worked, err := r.session(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !c.opener.owned() {
			return fmt.Errorf("queue: the subscription broke, and can't be opened again: %w", err)
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

// receiver receives from one subscription after the other. Handlers of one that broke
// go on beside those of the next.
type receiver struct {
	c       *Consumer
	handle  func(*pubsub.Message)
	free    chan struct{} // has one for each handler that runs
	running sync.WaitGroup
	closing sync.WaitGroup
}

// steady is how long a subscription that was opened again must last before it counts as
// open, unless a message comes by it.
const steady = time.Second

// session receives from a new subscription until that breaks, or ctx is done, when it
// waits for the handlers and returns nil. worked reports whether the subscription was
// of any use.
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
		case r.free <- struct{}{}:
		case <-ctx.Done():
			r.end(ctx, sub, ground)
			return worked, nil
		}
		msg, err := sub.Receive(ctx)
		if err != nil {
			<-r.free
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
			defer func() { <-r.free }()
			r.handle(msg)
		})
	}
}

// end closes a subscription once all handlers have returned: their acks are sent by the
// shutdown.
func (r *receiver) end(ctx context.Context, sub *pubsub.Subscription, ground func() error) {
	r.running.Wait()
	r.c.close(ctx, sub, ground)
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
