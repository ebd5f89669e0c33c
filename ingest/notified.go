package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/queue"
)

// NotifiedOptions; nil, and zero fields, mean the defaults.
type NotifiedOptions struct {
	// Concurrency bounds the messages whose objects are looked at, at once. Default 4.
	Concurrency int
}

// Notified takes the notifications of an object store from a queue, in any of the
// formats of package notify, and looks at the objects. It is for stores whose
// uploads do not come through this process; without it, or where a notification is
// lost, the [Sweeper] finds them later. Several processes may share a queue.
type Notified struct {
	svc      *Service
	consumer *queue.Consumer
}

// NewNotified returns a Notified of what notifications opens: a queue for this and
// nothing else, not that of the wake-ups. It fails without a Service or a queue, and
// if an option can't work.
func NewNotified(s *Service, notifications queue.Opener, opts *NotifiedOptions) (*Notified, error) {
	if s == nil {
		return nil, errors.New("ingest: NewNotified needs a Service")
	}
	if notifications == nil {
		return nil, errors.New("ingest: NewNotified needs a queue of notifications")
	}
	o := NotifiedOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Concurrency < 0 {
		return nil, errors.New("ingest: NotifiedOptions.Concurrency must not be negative")
	}
	setDefault(&o.Concurrency, 4)
	consumer, err := queue.NewConsumer(notifications, &queue.ConsumerOptions{
		Concurrency: o.Concurrency, Logger: s.opts.Logger, Observe: s.observeSubscription,
	})
	if err != nil {
		return nil, err
	}
	return &Notified{svc: s, consumer: consumer}, nil
}

// Err is why there is no subscription just now, or nil if there is one; see
// [queue.Consumer.Err]. Until there is one again the [Sweeper] finds uploads, half a minute
// late or more: report it, but don't take the process for one that is not ready.
func (n *Notified) Err() error { return n.consumer.Err() }

// Run looks at what is notified until ctx is done, waits for the looks under way, at
// most 25 seconds, and returns nil. A message is acknowledged when each of its
// objects was looked at, whatever was found there, and so are those that tell of no
// creation or are no notification; they are counted as [EventObjectIgnored]. While
// looking fails, messages are held and then given back to the broker, as
// [queue.Consumer.RunRaw] does. A queue that can't be opened, or broke, is opened again.
// Run fails only if one broke that is a [queue.Static] one.
func (n *Notified) Run(ctx context.Context) error {
	return n.consumer.RunRaw(ctx, func(ctx context.Context, m queue.Raw) error {
		_, err := n.svc.Notification(ctx, m.Body, m.Metadata)
		return err
	})
}

// looking is the time that looking at the objects of one message may take: less
// than SQS waits by default before it sends the message to another.
const looking = 25 * time.Second

// lookingAtOnce bounds the objects of one message that are looked at, at once.
const lookingAtOnce = 8

// Looked is how many objects of a notification [Service.Notification] looked at, and how
// many it could not look at.
type Looked struct {
	Processed int
	Failed    int
}

// Notification looks at the objects of one message of an object store, in any of the
// formats of package notify; attributes are the message's, and may be nil. [Notified]
// calls it for each message; call it yourself in a program that receives them in another
// way, such as a function that the store calls. A message that is not a notification, or
// not about a creation, is counted as [EventObjectIgnored] and is not an error. An error
// means that some of the objects could not be looked at: give the message back.
// Notification takes at most 25 seconds, and looks at up to 8 objects at once.
func (s *Service) Notification(ctx context.Context, body []byte, attributes map[string]string) (Looked, error) {
	batch, err := notify.Decode(body, attributes)
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "message dropped", "error", err)
		s.ObjectsIgnored(notify.ReasonOf(err), 1)
		return Looked{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	errs := make([]error, len(batch.Created))
	var g errgroup.Group
	g.SetLimit(lookingAtOnce)
	for i, created := range batch.Created {
		g.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil { // otherwise no time is left
				errs[i] = s.ObjectCreated(ctx, created)
			}
			return nil
		})
	}
	_ = g.Wait() // each has its own error
	looked := Looked{Processed: len(errs)}
	var first error
	for _, err := range errs {
		if err == nil {
			continue
		}
		looked.Processed--
		looked.Failed++
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return looked, fmt.Errorf("ingest: %d of %d objects of a notification not looked at: %w", looked.Failed, len(errs), first)
	}
	// Only once a message is done with: one that comes again would be counted again.
	for reason, records := range batch.Ignored {
		s.ObjectsIgnored(reason, records)
	}
	return looked, nil
}

// ObjectsIgnored counts records of notifications that are not about a creation, as
// [EventObjectIgnored]. It is for notify.HandlerOptions.OnIgnored.
func (s *Service) ObjectsIgnored(reason notify.Reason, records int) {
	for range records {
		s.opts.Observe(Event{Kind: EventObjectIgnored, Code: string(reason)})
	}
}
