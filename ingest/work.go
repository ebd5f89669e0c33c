package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Work does with the job of one wake-up what [Worker.Run] does with each, and returns
// when that is done. It is for programs that are called with their wake-ups and have
// no subscription, such as a function in a cloud. Keep the Worker from call to call: it
// is safe for concurrent use, and what it knows of who had how much stays good.
// WorkerOptions.Concurrency says nothing here, calls are as concurrent as the caller.
//
// A wake-up is a hint. That the job is not due, is somebody else's, is finished or does
// not exist is no error, and neither is an attempt that failed: the record has it, and
// the [Sweeper] wakes the job when it is due. An error means that the wake-up led to
// nothing, because a back end did not answer or no time was left; it may be given back
// to the queue.
//
// If ctx has a deadline, the job is given back before it and woken again, to go on
// from its last checkpoint: no batch is begun once only [WorkerOptions.DrainTimeout]
// is left, or half of the time that there was, and a batch under way is cut when a
// quarter of that is left. An attempt that was cut before any batch of it ended has
// failed, with the code "out-of-time": a payload for which the time is never enough
// ends after [Options.MaxAttempts]. With less than a second left the job is not looked
// at, and the error matches [context.DeadlineExceeded]. If ctx is cancelled, work ends
// as that of Run does.
func (w *Worker) Work(ctx context.Context, id string) error {
	if !jobs.ValidID(id) {
		w.svc.opts.Logger.DebugContext(ctx, "wake-up for what is no job's id")
		return nil
	}
	if ctx.Err() != nil {
		return notLookedAt(id, context.Cause(ctx))
	}
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	draining := make(chan struct{})
	drain := sync.OnceFunc(func() { close(draining) })
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left < minWork {
			return notLookedAt(id, context.DeadlineExceeded)
		}
		reserve := min(w.opts.DrainTimeout, left/2)
		defer time.AfterFunc(left-reserve, drain).Stop()
		defer time.AfterFunc(left-reserve/4, func() { cut(errOutOfTime) }).Stop()
	}
	defer context.AfterFunc(ctx, drain)()
	defer w.cutBehind(ctx, work, cut)()
	return w.woken(work, work, id, draining)
}

// minWork is the time below which looking at a job is not begun: the record of its
// end could come too late.
const minWork = time.Second

func notLookedAt(id string, why error) error {
	return fmt.Errorf("ingest: job %s not looked at: %w", id, why)
}

// errOutOfTime ends an attempt before the deadline of Work.
var errOutOfTime = &Failure{Code: "out-of-time", Message: "The payload could not be processed in the time that there was",
	Err: errors.New("ingest: no batch ended before the deadline of Worker.Work")}

// advanced reports whether an attempt brought a job further: the next one begins
// behind what it did.
func advanced(claimed, now *jobs.Job) bool {
	return claimed.Progress != now.Progress || claimed.Payload.Validated != now.Payload.Validated
}
