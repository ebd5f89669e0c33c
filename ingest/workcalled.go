package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Work processes the job of one wake-up, or another one if it is not that job's turn any
// more. It is for programs that are called with their wake-ups and have no subscription,
// such as cloud functions. Keep the Worker between calls: it is safe for concurrent use,
// and remembers whose turn it is. WorkerOptions.Concurrency has no effect here; the caller
// decides how many calls run concurrently.
//
// A wake-up is a hint. It is no error if its job is not due, is being processed, is
// finished or does not exist, or if the attempt fails: the record shows that. An error
// means that the wake-up had no effect because a back end did not answer or no time was
// left; it may be given back to the queue.
//
// If ctx has a deadline, Work continues with the next jobs until none waits or the time is
// over. Without one it works on one job. If more are waiting then, it sends a wake-up for
// one of them, for another call. A job that waits for a time, or whose wake-up was lost,
// needs a [Sweeper] with [SweeperOptions.Poke].
//
// A job that is not done before the deadline is given back and woken again, to continue
// from its last checkpoint: no batch is begun once only [WorkerOptions.DrainTimeout] is
// left, or half of the initial time if that is shorter, and a running batch is cut off
// when a quarter of that is left. An attempt that was cut off before it completed a batch
// fails with the code "out-of-time", so a payload for which the time is never enough ends
// after [Options.MaxAttempts]. With less than a second left, Work does nothing and the
// error matches [context.DeadlineExceeded]. If ctx is cancelled, work ends as in Run.
func (w *Worker) Work(ctx context.Context, id string) error {
	if !jobs.ValidID(id) {
		w.svc.opts.Logger.DebugContext(ctx, "wake-up without a valid job id")
		return nil
	}
	if ctx.Err() != nil {
		return notLookedAt(id, context.Cause(ctx))
	}
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	draining := make(chan struct{})
	drain := sync.OnceFunc(func() { close(draining) })
	deadline, goesOn := ctx.Deadline()
	if goesOn {
		left := time.Until(deadline)
		if left < minWork {
			return notLookedAt(id, context.DeadlineExceeded)
		}
		reserve := min(w.opts.DrainTimeout, left/2)
		defer time.AfterFunc(left-reserve, drain).Stop()
		defer time.AfterFunc(left-reserve/4, func() { cut(errOutOfTime) }).Stop()
	}
	defer context.AfterFunc(ctx, drain)()
	defer w.cutAfter(ctx, work, cut)()
	return w.pull(work, id, goesOn, draining)
}

// pull works on the job that a wake-up names, or on the next one, and then on further jobs
// if goesOn is set.
func (w *Worker) pull(ctx context.Context, id string, goesOn bool, draining <-chan struct{}) error {
	found, err := w.prefer(ctx, id)
	if len(found) == 0 && err == nil {
		found, err = w.next(ctx, 1)
	}
	if err != nil && len(found) == 0 {
		w.svc.opts.Logger.WarnContext(ctx, "no job claimed", "job", id, "error", err)
		return fmt.Errorf("ingest: job %s not claimed: %w", id, err)
	}
	for len(found) > 0 {
		job, err := w.work(ctx, found[0], draining)
		if err != nil {
			return err
		}
		select {
		case <-draining:
			goesOn = false
		default:
		}
		if !goesOn {
			if !job.Ready(w.svc.now()) { // otherwise it was given back with its own wake-up
				w.passOn(ctx)
			}
			return nil
		}
		if found, err = w.next(ctx, 1); err != nil {
			w.svc.opts.Logger.WarnContext(ctx, "no further job claimed", "error", err)
		}
	}
	return nil
}

// passOn sends a wake-up for another call if a job is ready.
func (w *Worker) passOn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	w.turn.mu.Lock()
	after := w.turn.after
	w.turn.mu.Unlock()
	next, err := w.svc.back.Jobs.Next(ctx, jobs.NextQuery{Now: w.svc.now(), Order: w.order, After: after})
	if err != nil {
		w.svc.opts.Logger.WarnContext(ctx, "no wake-up for the next job; the sweeper sends one", "error", err)
	}
	for _, job := range next {
		w.svc.wake(ctx, job)
	}
}

// minWork is the time below which no job is begun: its end might be recorded too late.
const minWork = time.Second

func notLookedAt(id string, why error) error {
	return fmt.Errorf("ingest: job %s not looked at: %w", id, why)
}

// errOutOfTime ends an attempt before the deadline of Work.
var errOutOfTime = &Failure{Code: "out-of-time", Message: "The payload could not be processed in the time that there was",
	Err: errors.New("ingest: no batch ended before the deadline of Worker.Work")}

// advanced reports whether an attempt made progress with a job, so that the next one
// starts further on.
func advanced(claimed, now *jobs.Job) bool {
	return claimed.Progress != now.Progress || claimed.Payload.Validated != now.Payload.Validated
}
