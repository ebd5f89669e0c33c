package faulttest

import (
	"context"
	"errors"
	"fmt"
)

// Fault is what happens to one call.
type Fault int

const (
	// None: the call is done.
	None Fault = iota
	// Before: the call fails and is not done.
	Before
	// After: the call is done, and reported as failed. Where it fails by itself
	// its own error is returned.
	After
	// Hang: the call is not done, and returns when its context ends, with the
	// context's error. Sends and what a subscription does have a context that
	// ends when the decorator is shut down: who sends is free when their own
	// context ends.
	Hang
	// HangAfter: the call is done, and then hangs.
	HangAfter
	// Late: the call hangs, and is done when its context has ended: a request
	// that lay in a queue, whose sender has given up.
	Late
	// Double: the call is done twice, and what the second one says is returned,
	// as by a client library that tries again. The second creation of a job or
	// an object finds the first, and the second update is of an old revision.
	Double
	// Drop: a message is lost, and reported as sent; one that was to be received
	// never comes. An ack is lost. A read is told that its object ended. For other
	// calls it is None.
	Drop
	// Delay: a message is passed on behind the next one, or after a second if
	// none comes. For other calls it is None.
	Delay
)

var faultNames = [...]string{"None", "Before", "After", "Hang", "HangAfter", "Late", "Double", "Drop", "Delay"}

// String is the fault's name.
func (f Fault) String() string {
	if f < 0 || int(f) >= len(faultNames) {
		return fmt.Sprintf("Fault(%d)", int(f))
	}
	return faultNames[f]
}

// ErrInjected is matched by the errors of calls that a [Plan] made fail.
var ErrInjected = errors.New("faulttest: injected fault")

// Kind of a call.
type Kind string

// The calls that are asked about. A write to a bucket is held in memory and is
// one call, when it is closed. A read is one call to open the object, and one for
// each run of bytes.
const (
	StoreCreate Kind = "store.Create"
	StoreGet    Kind = "store.Get"
	StoreUpdate Kind = "store.Update"
	StoreList   Kind = "store.List"
	StoreNext   Kind = "store.Next"
	StoreDue    Kind = "store.Due"
	// StoreCount has the organization as its key.
	StoreCount  Kind = "store.Count"
	StoreReady  Kind = "store.Ready"
	StoreDelete Kind = "store.Delete"
	// StoreOrganizations has the organization that others come after as its key.
	StoreOrganizations Kind = "store.Organizations"

	BucketAttributes Kind = "bucket.Attributes"
	BucketOpen       Kind = "bucket.Open"
	BucketRead       Kind = "bucket.Read"
	BucketWrite      Kind = "bucket.Write"
	BucketCopy       Kind = "bucket.Copy"
	BucketDelete     Kind = "bucket.Delete"
	BucketList       Kind = "bucket.List"
	BucketSign       Kind = "bucket.Sign"

	TopicSend Kind = "topic.Send"

	SubscriptionOpen    Kind = "subscription.Open"
	SubscriptionReceive Kind = "subscription.Receive"
	SubscriptionAck     Kind = "subscription.Ack"
	SubscriptionNack    Kind = "subscription.Nack"
)

// Call is a call of a back end.
type Call struct {
	Kind Kind
	// Key is the id of the job, also of a message's, the key of the object, or
	// the prefix or organization of a list; empty for others.
	Key string
}

func (c Call) String() string {
	if c.Key == "" {
		return string(c.Kind)
	}
	return string(c.Kind) + " " + c.Key
}

// Plan decides what happens to a call. It is called before it, concurrently, with
// the call's context. It may do something itself, such as to wait, or to cancel a
// context of the test. A nil Plan is None for all.
type Plan func(ctx context.Context, c Call) Fault

// decide asks a plan that may be nil.
func (p Plan) decide(ctx context.Context, c Call) Fault {
	if p == nil {
		return None
	}
	return p(ctx, c)
}

func injected(c Call) error { return fmt.Errorf("%w: %s", ErrInjected, c) }

// run carries a call out as the plan says.
func (p Plan) run(ctx context.Context, c Call, call func(context.Context) error) error {
	return inject(ctx, p.decide(ctx, c), c, call)
}

func inject(ctx context.Context, fault Fault, c Call, call func(context.Context) error) error {
	switch fault {
	case Before:
		return injected(c)
	case After:
		if err := call(ctx); err != nil {
			return err
		}
		return injected(c)
	case Hang:
		<-ctx.Done()
		return ctx.Err()
	case HangAfter:
		err := call(ctx)
		<-ctx.Done()
		if err != nil {
			return err
		}
		return ctx.Err()
	case Late:
		<-ctx.Done()
		if err := call(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		return ctx.Err()
	case Double:
		_ = call(ctx)
	}
	return call(ctx)
}
