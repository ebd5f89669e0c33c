package ingest

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Worker claims jobs and hands their resources to a [Handler].
type Worker struct {
	svc      *Service
	handler  Handler
	opts     WorkerOptions
	consumer *queue.Consumer // of wake-ups; nil without a Subscription
	name     string
	owners   atomic.Int64
	order    jobs.Order
	turn     turn
	full     atomic.Int64 // since when more jobs have waited than there are places, in Unix nanoseconds; 0 if they don't
}

// NewWorker returns a Worker. It fails without a Service or a handler (a nil pointer or
// function counts as none), if an option is invalid, and if the handler is a [Placer] that
// writes where the Service does. The worker serves the organizations in turn, so that one
// that sends a million jobs does not hold up another's single one; see
// [WorkerOptions.Weight].
func NewWorker(s *Service, h Handler, opts *WorkerOptions) (*Worker, error) {
	if s == nil {
		return nil, errors.New("ingest: NewWorker needs a Service")
	}
	if isNil(h) {
		return nil, errors.New("ingest: NewWorker needs a Handler")
	}
	if err := s.checkPlaces(h); err != nil {
		return nil, err
	}
	o, err := opts.withDefaults(s.opts.MaxBodyBytes)
	if err != nil {
		return nil, err
	}
	name := jobs.NewID()
	owner := name
	if s.back.Processes != nil {
		owner = s.back.Processes.Name() + "/" + name
	}
	// Start at a random organization: workers started together should not ask for the same jobs.
	w := &Worker{svc: s, handler: h, opts: o, name: owner, order: o.order(), turn: turn{after: name}}
	if s.back.Subscription != nil {
		w.consumer, err = queue.NewConsumer(s.back.Subscription, &queue.ConsumerOptions{
			Concurrency: o.Concurrency, Logger: s.opts.Logger, Observe: s.observeSubscription,
		})
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Err returns why there is no subscription to wake-ups at the moment, or nil if there is
// one or the Service has none; see [queue.Consumer.Err]. The worker still polls the job
// store, but may begin a job up to [WorkerOptions.PollInterval] late: report the error, but
// don't treat the process as not ready.
func (w *Worker) Err() error {
	if w.consumer == nil {
		return nil
	}
	return w.consumer.Err()
}

// isNil reports whether a handler is nil, or an interface holding a nil pointer or
// function, which would otherwise only be noticed by the first job.
func isNil(h Handler) bool {
	if h == nil {
		return true
	}
	v := reflect.ValueOf(h)
	return (v.Kind() == reflect.Func || v.Kind() == reflect.Pointer) && v.IsNil()
}

// Run works until ctx is done, then lets running batches finish, gives their jobs back for
// other workers to continue, and returns nil. Whenever a place is free it asks the job
// store for the next job: when a wake-up comes, when a job ends while others wait, and at
// least every [WorkerOptions.PollInterval], so that a lost wake-up only costs that time. A
// subscription that can't be opened, or breaks, is opened again, and work continues
// meanwhile. Run fails only if the Service has no Subscription, or if a [queue.Static] one
// breaks. Programs that get their wake-ups in another way call [Worker.Work] or
// [Worker.WorkMessage], which also documents how other messages are handled.
func (w *Worker) Run(ctx context.Context) error {
	if w.consumer == nil {
		return errors.New("ingest: Worker.Run needs Backends.Subscription")
	}
	// Work outlives ctx by DrainTimeout: a running batch is finished, not cut off.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer w.cutAfter(ctx, work, stop)()

	g, ctx := errgroup.WithContext(ctx)
	d := newDispatcher(w, work)
	g.Go(func() error { d.run(ctx); return nil })
	g.Go(func() error {
		// A wake-up is acknowledged at once: it only says when to ask.
		return w.consumer.RunRaw(ctx, func(msg context.Context, m queue.Raw) error {
			return w.message(msg, m.Body, func(id string) error { d.poke(msg, id); return nil })
		})
	})
	return g.Wait()
}

// Behind reports whether more jobs have waited for the last second than Run has places
// for. If a program's requests use the same processors and disk, set it as
// [github.com/fhirdock/fhirdock/ingest/budget.Options.Behind]. It is quick and safe for
// concurrent use.
func (w *Worker) Behind() bool {
	since := w.full.Load()
	return since > 0 && time.Since(time.Unix(0, since)) >= time.Second
}

// isFull records whether more jobs wait than there are places.
func (w *Worker) isFull(full bool) {
	if !full {
		w.full.Store(0)
		return
	}
	w.full.CompareAndSwap(0, time.Now().UnixNano())
}

// cutAfter cancels running work once ctx is done and DrainTimeout has passed.
func (w *Worker) cutAfter(ctx, work context.Context, cut context.CancelCauseFunc) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(w.opts.DrainTimeout, func() { cut(errDrained) })
		context.AfterFunc(work, func() { timer.Stop() })
	})
}

var errDrained = errors.New("worker is stopping")

// work processes a claimed job: one attempt, or clearing it away. It returns the job's
// last state. The record has the result of the attempt; an error means that it could not
// be recorded.
func (w *Worker) work(ctx context.Context, t taken, draining <-chan struct{}) (*jobs.Job, error) {
	job := t.job
	switch job.State {
	case jobs.Cancelled:
		w.clear(ctx, job)
		return job, nil
	case jobs.Failed: // out of attempts
		w.svc.finished(ctx, job)
		return job, nil
	}
	began := w.svc.now()
	l := newLease(ctx, w.svc, job, t.claim(), w.opts.Lease, w.opts.StallTimeout, t.asked)
	defer l.end()
	select {
	case <-draining:
		return l.current(), w.settle(ctx, l, errDrained, 0)
	default:
	}
	w.svc.opts.Observe(Event{Kind: EventClaimed, JobID: job.ID, Source: string(job.Source)})
	err := (&attempt{w: w, lease: l, draining: draining, fresh: t.fresh}).run(l.ctx)
	if errors.Is(err, errOutOfTime) && advanced(job, l.current()) {
		err = errDrained
	}
	err = w.settle(ctx, l, err, w.svc.now().Sub(began))
	return l.current(), err
}

// handle calls the program's handler. A panic fails the attempt, not the process.
func (w *Worker) handle(ctx context.Context, call func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = w.svc.panicked(ctx, p)
		}
	}()
	if err = call(ctx); err != nil {
		err = handlerFailure(err)
	}
	return err
}
