package ingest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Worker claims jobs and hands their resources to a [Handler].
type Worker struct {
	svc     *Service
	handler Handler
	opts    WorkerOptions
	name    string
	claims  atomic.Int64
	turns   *turns // nil where the store is no jobs.Scheduler
	order   *order // nil where none is kept
}

// NewWorker returns a Worker. It fails without a Service or a handler (one that is a
// nil pointer or function is none), if an option can't work, and if the handler is a
// [Placer] that writes where the Service does. Where the job store is
// a [jobs.Scheduler] the worker shares its claims between the organizations whose jobs
// wait, so that one that sends a million does not keep back another's single one; see
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
	w := &Worker{svc: s, handler: h, opts: o, name: jobs.NewID()}
	heads, ok := s.back.Jobs.(jobs.Scheduler)
	if o.OrderPerOrganization {
		if !ok {
			return nil, fmt.Errorf("ingest: WorkerOptions.OrderPerOrganization needs a job store that is a jobs.Scheduler, and %T is none", s.back.Jobs)
		}
		w.order = &order{store: s.back.Jobs, heads: heads}
		if o.HeadOfLine == Block {
			w.order.standing = jobs.Unsettled
		}
	}
	if ok {
		w.turns = newTurns(heads, w.order, o.Weight, s)
	}
	return w, nil
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
// back for others to go on, and returns nil. It fails only if the Service has no
// Subscription, or if that can't be opened, or broke and is a [queue.Static] one.
// A program that gets its wake-ups from elsewhere calls [Worker.Work] or
// [Worker.WorkMessage], which says what becomes of messages that are no wake-ups.
func (w *Worker) Run(ctx context.Context) error {
	if w.svc.back.Subscription == nil {
		return errors.New("ingest: Worker.Run needs Backends.Subscription")
	}
	consumer, err := queue.NewConsumer(w.svc.back.Subscription, &queue.ConsumerOptions{
		Concurrency: w.opts.Concurrency, Logger: w.svc.opts.Logger,
	})
	if err != nil {
		return err
	}
	// Work outlives ctx by DrainTimeout: a batch under way is ended, not cut.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	defer w.cutBehind(ctx, work, stop)()

	return consumer.RunRaw(ctx, func(msg context.Context, m queue.Raw) error {
		return w.message(msg, m.Body, func(id string) error {
			// The message's context carries the trace, work's the end.
			msg, cancel := context.WithCancelCause(msg)
			defer cancel(nil)
			defer context.AfterFunc(work, func() { cancel(context.Cause(work)) })()
			_ = w.woken(msg, work, id, ctx.Done()) // logged; the sweeper wakes the job again
			return nil
		})
	})
}

// cutBehind cuts what is under way once ctx is done and DrainTimeout is over.
func (w *Worker) cutBehind(ctx, work context.Context, cut context.CancelCauseFunc) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(w.opts.DrainTimeout, func() { cut(errDrained) })
		context.AfterFunc(work, func() { timer.Stop() })
	})
}

var errDrained = errors.New("the worker stops")

// woken looks at the job that a wake-up names. Before that it works on those whose
// turn is sooner, under a context of their own: the wake-up's trace is not theirs.
// An error means that the wake-up led to nothing, since a back end did not answer.
func (w *Worker) woken(ctx, others context.Context, id string, draining <-chan struct{}) error {
	job, err := w.read(ctx, id)
	if err != nil {
		return w.notTaken(ctx, id, err)
	}
	if w.turns != nil && jobs.Waiting.Has(job) && !job.NotBefore.After(w.svc.now()) {
		for range maxDetours {
			next := w.turns.next(ctx, job.OrganizationID)
			if next == nil {
				break
			}
			_ = w.work(others, next, draining) // nobody's wake-up: the sweeper's
			select {
			case <-draining:
				w.svc.wake(ctx, job)
				return nil
			default:
			}
		}
	}
	return w.work(ctx, job, draining)
}

// work takes a job as it was read, or where an order is kept the one of its
// organization whose turn it is, and makes one attempt at it. What came of that is in
// the record; an error means that it could not be taken, or not be recorded.
func (w *Worker) work(ctx context.Context, job *jobs.Job, draining <-chan struct{}) error {
	woken, taken := job, time.Now()
	job, claim, fresh, err := w.take(ctx, job)
	if err != nil {
		if !errors.Is(err, jobs.ErrState) || !w.clear(ctx, woken.ID) {
			return w.notTaken(ctx, woken.ID, err)
		}
		return nil
	}
	if w.order != nil {
		defer func() {
			if !errors.Is(err, errDrained) { // then it is woken itself
				w.svc.wakeNext(ctx, woken.OrganizationID)
			}
		}()
	}
	if claim == nil { // its attempts were used up
		w.svc.finished(ctx, job)
		return nil
	}
	if w.turns != nil {
		w.turns.claimed(job.OrganizationID)
	}
	began := w.svc.now()
	w.svc.opts.Observe(Event{Kind: EventClaimed, JobID: job.ID, Source: string(job.Source)})
	l := newLease(ctx, w.svc, job, *claim, w.opts.Lease, w.opts.StallTimeout, taken)
	defer l.end()
	err = (&attempt{w: w, lease: l, draining: draining, fresh: fresh}).run(l.ctx)
	if errors.Is(err, errOutOfTime) && advanced(job, l.current()) {
		err = errDrained
	}
	return w.settle(ctx, l, err, w.svc.now().Sub(began))
}

// notTaken tells of a wake-up that led to nothing. It returns the error if that is
// for no reason of the job's.
func (w *Worker) notTaken(ctx context.Context, id string, err error) error {
	log := w.svc.opts.Logger.With("job", id)
	if errors.Is(err, jobs.ErrNotDue) || errors.Is(err, jobs.ErrState) || errors.Is(err, jobs.ErrNotFound) {
		log.DebugContext(ctx, "wake-up for a job that needs nobody", "why", err)
		return nil
	}
	log.WarnContext(ctx, "job not claimed; the sweeper wakes it again", "error", err)
	return fmt.Errorf("ingest: job %s not claimed: %w", id, err)
}

// take claims a job, the one whose turn it is where an order is kept.
func (w *Worker) take(ctx context.Context, job *jobs.Job) (taken *jobs.Job, claim *jobs.Claim, fresh bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	if w.order == nil || !jobs.Unfinished.Has(job) {
		return w.claim(ctx, job)
	}
	if job, err = w.order.next(ctx, job.OrganizationID); err != nil {
		return nil, nil, false, err
	}
	taken, claim, fresh, err = w.claim(ctx, job)
	if err != nil || claim == nil {
		return taken, claim, fresh, err
	}
	if err = w.order.holds(ctx, taken); err != nil {
		w.giveBack(ctx, taken, *claim, fresh)
	}
	return taken, claim, fresh, err
}

// claim claims a job as it was read, or as it is now if it was changed meanwhile,
// and pins the borders of its batches. fresh says that nobody has worked on it
// before. There is no claim where the attempts were used up.
func (w *Worker) claim(ctx context.Context, job *jobs.Job) (taken *jobs.Job, claim *jobs.Claim, fresh bool, err error) {
	owner := w.name + "/" + strconv.FormatInt(w.claims.Add(1), 10)
	change := func(j *jobs.Job) (err error) {
		if claim != nil && j.Holds(*claim) == nil {
			return nil // it was taken, and reported as changed by somebody else
		}
		fresh = j.StartedAt.IsZero()
		claim, err = j.Take(w.svc.now(), owner, w.opts.Lease)
		setDefault(&j.BatchResources, w.opts.BatchResources)
		setDefault(&j.BatchBytes, w.opts.BatchBytes)
		return err
	}
	if err = change(job); err != nil {
		return nil, nil, false, err
	}
	if err = w.svc.back.Jobs.Update(ctx, job); errors.Is(err, jobs.ErrConflict) {
		job, err = jobs.Change(ctx, w.svc.back.Jobs, job.ID, change)
	}
	return job, claim, fresh, err
}

// settle records how an attempt ended. It fails if that can't be.
func (w *Worker) settle(ctx context.Context, l *lease, err error, took time.Duration) error {
	s, job := w.svc, l.current()
	log := s.opts.Logger.With("job", job.ID, "attempt", job.Attempt)
	failure, _ := errors.AsType[*Failure](err)
	var outcomesKey string
	if failure != nil && failure.Permanent {
		// Under the lease: many outcomes take longer than the record may.
		var outcomesErr error
		if outcomesKey, outcomesErr = s.publishOutcomes(l.ctx, job); outcomesErr != nil {
			outcomesKey = "" // the parts are shown instead
			log.WarnContext(ctx, "outcomes not written", "error", outcomesErr)
		}
	}
	// The record is written even if the work was told to end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	now := s.now()

	var saved error
	switch {
	case err == nil:
		return nil // completed, and recorded as such
	case errors.Is(err, jobs.ErrLeaseLost):
		log.InfoContext(ctx, "job lost: cancelled, or taken over by another worker")
		s.opts.Observe(Event{Kind: EventLeaseLost, JobID: job.ID, Source: string(job.Source)})
		return nil
	case errors.Is(err, errDrained):
		if saved = l.change(ctx, func(j *jobs.Job) error { return j.Release(now, l.claim) }); saved == nil {
			log.InfoContext(ctx, "job given back")
			s.wake(ctx, l.current())
		}
	case failure != nil && failure.wait > 0:
		saved = l.change(ctx, func(j *jobs.Job) error {
			return j.Wait(now, l.claim, failure.record(now), now.Add(failure.wait), w.opts.MaxWait)
		})
		log.With(s.cause(failure)...).InfoContext(ctx, "handler asks to wait", "code", failure.Code, "wait", failure.wait, "took", took)
		if saved == nil && l.current().State == jobs.Accepted {
			s.opts.Observe(Event{Kind: EventWaiting, JobID: job.ID, Source: string(job.Source), Code: failure.Code, Duration: failure.wait})
		}
	case failure != nil && failure.Permanent:
		saved = l.change(ctx, func(j *jobs.Job) error {
			j.OutcomesKey = outcomesKey
			return j.Fail(now, l.claim, failure.record(now))
		})
		log.With(s.cause(failure)...).WarnContext(ctx, "job failed", "code", failure.Code, "took", took)
		if saved == nil && failure.restart && outcomesKey != "" {
			s.clearOutcomes(ctx, job) // a redrive makes others
		}
	default:
		if failure == nil {
			failure = &Failure{Code: "processing", Message: "The payload could not be processed", Err: err}
		}
		at := now.Add(s.backoff(job.Attempt))
		saved = l.change(ctx, func(j *jobs.Job) error { return failure.retry(j, now, l.claim, at) })
		log.With(s.cause(failure)...).WarnContext(ctx, "attempt failed", "code", failure.Code, "took", took)
		if saved == nil && l.current().State == jobs.Accepted {
			s.opts.Observe(Event{Kind: EventRetry, JobID: job.ID, Source: string(job.Source), Code: failure.Code, Duration: took})
		}
	}
	if saved != nil {
		log.WarnContext(ctx, "end of the attempt not recorded; the lease runs out instead", "error", saved)
		return fmt.Errorf("ingest: end of an attempt at job %s not recorded: %w", job.ID, saved)
	}
	if job = l.current(); job.State.Finished() {
		s.finished(ctx, job)
	}
	return nil
}

// finished tells of a job that reached its end.
func (s *Service) finished(ctx context.Context, job *jobs.Job) {
	e := Event{Kind: EventFinished, JobID: job.ID, Source: string(job.Source), State: string(job.State),
		Bytes: job.Payload.Size, Resources: job.Progress.Done, Rejected: job.Progress.Rejected,
		Duration: job.FinishedAt.Sub(job.CreatedAt)}
	if job.Failure != nil {
		e.Code = job.Failure.Code
	}
	s.opts.Observe(e)
	s.opts.Logger.InfoContext(ctx, "job finished", "job", job.ID, "state", job.State, "code", e.Code,
		"done", e.Resources, "rejected", e.Rejected, "bytes", e.Bytes, "attempt", job.Attempt)
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
