package faulttest

import (
	"context"
	"errors"
	"fmt"
)

// Fault is the fate of one call.
type Fault int

const (
	// None: the call is done.
	None Fault = iota
	// Before: the call fails and is not done.
	Before
	// After: the call is done, and reported as failed. If it fails by itself, its own error
	// is returned.
	After
	// Hang: the call is not done, and returns its context's error when the context ends.
	// Sends, and a subscription's calls, have a context that ends when the decorator is
	// shut down; the caller of Send returns when its own context ends.
	Hang
	// HangAfter: the call is done, and then hangs.
	HangAfter
	// Late: the call hangs, and is done after its context has ended, like a request in a
	// queue whose sender has given up.
	Late
	// Double: the call is done twice and the second result is returned, as by a client
	// library that retries. The second creation of a job or an object finds the first one,
	// and the second update has an old revision.
	Double
	// Drop: a sent message is lost and reported as sent; a message to be received never
	// comes; an ack is lost; a read ends early with EOF. For other calls it is None.
	Drop
	// Delay: a message is passed on after the next one, or after a second if there is none.
	// For other calls it is None.
	Delay
)

var faultNames = [...]string{"None", "Before", "After", "Hang", "HangAfter", "Late", "Double", "Drop", "Delay"}

// String returns the fault's name.
func (f Fault) String() string {
	if f < 0 || int(f) >= len(faultNames) {
		return fmt.Sprintf("Fault(%d)", int(f))
	}
	return faultNames[f]
}

// ErrInjected is matched by the errors of calls that a [Plan] made fail.
var ErrInjected = errors.New("faulttest: injected fault")

// Kind is the kind of a call.
type Kind string

// The kinds of calls. A write to a bucket is buffered and is one call, when it is closed. A
// read is one call to open the object, and one for each chunk of bytes.
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
	// StoreOrganizations has the organization to start after as its key.
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
	// Key is the id of the job, also for a message, the key of the object, or the prefix or
	// organization of a list; empty for others.
	Key string
}

func (c Call) String() string {
	if c.Key == "" {
		return string(c.Kind)
	}
	return string(c.Kind) + " " + c.Key
}

// Plan decides the fault of a call. It is called before the call, concurrently, with the
// call's context. It may have side effects, such as waiting or cancelling a context of the
// test. A nil Plan returns None for every call.
type Plan func(ctx context.Context, c Call) Fault

// decide calls a plan that may be nil.
func (p Plan) decide(ctx context.Context, c Call) Fault {
	if p == nil {
		return None
	}
	return p(ctx, c)
}

func injected(c Call) error { return fmt.Errorf("%w: %s", ErrInjected, c) }

// run does a call with the plan's fault.
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
