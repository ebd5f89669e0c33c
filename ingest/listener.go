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

// ListenerOptions are the options of a [Listener]; nil, and zero fields, mean the defaults.
type ListenerOptions struct {
	// Concurrency is how many messages are handled at once. Default 4.
	Concurrency int
}

// Listener receives an object store's notifications of uploads from a queue, in any of the
// formats of package notify, and accepts the uploads' jobs. It is for stores whose uploads
// do not come through this process. The [Sweeper] finds uploads whose notification is
// lost. Several processes may share a queue. A Listener is safe for concurrent use,
// except for Run.
type Listener struct {
	svc      *Service
	consumer *queue.Consumer
}

// NewListener returns a Listener on a queue of notifications, which must not be the
// wake-ups' queue. It fails without a Service or a queue, and if an option is invalid.
// [Run] makes one of [Backends.Notifications].
func NewListener(s *Service, notifications queue.Opener, opts *ListenerOptions) (*Listener, error) {
	if s == nil {
		return nil, errors.New("ingest: NewListener needs a Service")
	}
	if notifications == nil {
		return nil, errors.New("ingest: NewListener needs a queue of notifications")
	}
	o := ListenerOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Concurrency < 0 {
		return nil, errors.New("ingest: ListenerOptions.Concurrency must not be negative")
	}
	setDefault(&o.Concurrency, 4)
	consumer, err := queue.NewConsumer(notifications, &queue.ConsumerOptions{
		Concurrency: o.Concurrency, Logger: s.opts.Logger, Observe: s.observeSubscription,
	})
	if err != nil {
		return nil, err
	}
	return &Listener{svc: s, consumer: consumer}, nil
}

// Err returns why there is no subscription at the moment, or nil if there is one; see
// [queue.Consumer.Err]. Meanwhile the [Sweeper] finds uploads, half a minute late or
// more: report the error, but don't treat the process as not ready.
func (l *Listener) Err() error { return l.consumer.Err() }

// Run handles notifications until ctx is done, waits up to 25 seconds for those in
// progress, and returns nil. A message is acknowledged once each of its objects was
// looked at, whatever the result. A message that is not a notification of a creation is
// acknowledged too and counted as [EventObjectIgnored]. If looking fails, the message is
// held and then given back to the broker, as [queue.Consumer.RunRaw] does. A queue that
// can't be opened, or that breaks, is opened again. Run fails only if a [queue.Static]
// subscription breaks.
func (l *Listener) Run(ctx context.Context) error {
	return l.consumer.RunRaw(ctx, func(ctx context.Context, m queue.Raw) error {
		_, err := l.svc.Notification(ctx, m.Body, m.Metadata)
		return err
	})
}

// looking is the time for looking at the objects of one message: less than SQS waits by
// default before it redelivers the message.
const looking = 25 * time.Second

// lookingAtOnce is how many objects of one message are looked at concurrently.
const lookingAtOnce = 8

// Looked counts the objects of a notification that [Service.Notification] looked at, and
// those that it could not look at.
type Looked struct {
	Processed int
	Failed    int
}

// Notification looks at the objects of one message of an object store, in any of the
// formats of package notify; attributes are the message's, and may be nil. A [Listener]
// calls it for each message. Call it yourself in a program that receives messages in
// another way, such as a cloud function. A message that is not a notification of a
// creation is counted as [EventObjectIgnored] and is not an error. An error means that
// some of the objects could not be looked at: give the message back. Notification takes
// at most 25 seconds, and looks at up to 8 objects at once.
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
			if errs[i] = ctx.Err(); errs[i] == nil { // else out of time
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
	// Count only after success: a redelivered message would be counted again.
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
