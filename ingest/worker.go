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
	full     atomic.Int64 // since when more jobs waited than there were places, in nanoseconds since 1970; 0: they don't
}

// NewWorker returns a Worker. It fails without a Service or a handler (one that is a
// nil pointer or function is none), if an option can't work, and if the handler is a
// [Placer] that writes where the Service does. The worker serves the organizations whose
// jobs wait in turn, so that one that sends a million does not keep back another's
// single one; see [WorkerOptions.Weight].
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
	// It begins anywhere: workers that start together are not to ask for the same jobs.
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

// Err is why there is no subscription to wake-ups just now, or nil if there is one or the
// Service has none; see [queue.Consumer.Err]. A worker without it works on, since it asks
// the job store, but may begin a job up to [WorkerOptions.PollInterval] late: report it,
// but don't take the process for one that is not ready.
func (w *Worker) Err() error {
	if w.consumer == nil {
		return nil
	}
	return w.consumer.Err()
}

// isNil reports whether a handler is nil, or an interface around a nil pointer or
// function, which would only be found out by the first job.
func isNil(h Handler) bool {
	if h == nil {
		return true
	}
	v := reflect.ValueOf(h)
	return (v.Kind() == reflect.Func || v.Kind() == reflect.Pointer) && v.IsNil()
}

// Run works until ctx is done, then ends the batches under way, gives their jobs
// back for others to go on, and returns nil. Wherever a place is free it asks the job
// store which job is next: when a wake-up comes, when a job ends while others wait, and
// at least every [WorkerOptions.PollInterval], so a wake-up that is lost costs that time
// and nothing else. A subscription that can't be opened, or broke, is opened again, and
// work goes on meanwhile. It fails only if the Service has no Subscription, or one that is
// a [queue.Static] one and broke.
// A program that gets its wake-ups from elsewhere calls [Worker.Work] or
// [Worker.WorkMessage], which says what becomes of messages that are no wake-ups.
func (w *Worker) Run(ctx context.Context) error {
	if w.consumer == nil {
		return errors.New("ingest: Worker.Run needs Backends.Subscription")
	}
	// Work outlives ctx by DrainTimeout: a batch under way is ended, not cut.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer w.cutBehind(ctx, work, stop)()

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
// for. A program whose requests use the same processors and disk makes it
// [github.com/fhirdock/fhirdock/ingest/budget.Options.Behind]. It is quick and safe for
// concurrent use.
func (w *Worker) Behind() bool {
	since := w.full.Load()
	return since > 0 && time.Since(time.Unix(0, since)) >= time.Second
}

// isFull notes whether more jobs wait than there are places.
func (w *Worker) isFull(full bool) {
	if !full {
		w.full.Store(0)
		return
	}
	w.full.CompareAndSwap(0, time.Now().UnixNano())
}

// cutBehind cuts what is under way once ctx is done and DrainTimeout is over.
func (w *Worker) cutBehind(ctx, work context.Context, cut context.CancelCauseFunc) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(w.opts.DrainTimeout, func() { cut(errDrained) })
		context.AfterFunc(work, func() { timer.Stop() })
	})
}

var errDrained = errors.New("the worker stops")

// work does what a job that was claimed needs: one attempt, or clearing it away. It
// returns the job as it is then. What came of the attempt is in the record; an error
// means that it could not be recorded.
func (w *Worker) work(ctx context.Context, t taken, draining <-chan struct{}) (*jobs.Job, error) {
	job := t.job
	switch job.State {
	case jobs.Cancelled:
		w.clear(ctx, job)
		return job, nil
	case jobs.Failed: // its attempts were used up
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

// handle calls the program's handler. One that panics fails the attempt, not
// the process.
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
