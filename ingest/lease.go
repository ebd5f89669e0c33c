package ingest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// lease is a worker's hold on one job: the record as last written, changed only under the
// claim, and a context that ends when the claim does.
type lease struct {
	svc    *Service
	claim  jobs.Claim
	length time.Duration
	taken  time.Time // at or before the time that the claim was recorded with
	stall  time.Duration
	last   atomic.Int64 // when the attempt last made progress, in nanoseconds since taken
	held   atomic.Int64 // when the claim was last confirmed, in nanoseconds since taken

	ctx    context.Context // of the attempt
	cancel context.CancelCauseFunc
	done   chan struct{}

	turn chan struct{} // capacity 1: held while changing the record
	mu   sync.Mutex
	job  *jobs.Job
}

// newLease starts watching a claim that was made at taken; end stops it.
func newLease(ctx context.Context, s *Service, job *jobs.Job, claim jobs.Claim, length, stall time.Duration, taken time.Time) *lease {
	l := &lease{svc: s, claim: claim, length: length, stall: stall, taken: taken, job: job,
		done: make(chan struct{}), turn: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	s.leases.Add(1)
	go l.watch()
	return l
}

// end stops the watch and waits for it.
func (l *lease) end() {
	l.cancel(nil)
	<-l.done
	l.svc.leases.Add(-1)
}

func (l *lease) current() *jobs.Job {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.job.Clone()
}

// change changes the record, by compare-and-set. If it was changed by someone else, the
// change is retried on the new record; the transitions refuse it if the claim is gone. It
// gives up on a store that does not answer.
func (l *lease) change(ctx context.Context, change func(*jobs.Job) error) error {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	// Not a mutex: waiting for a store that does not answer must time out too.
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	next := l.current()
	if err := change(next); err != nil {
		return err
	}
	err := l.svc.back.Jobs.Update(ctx, next)
	switch {
	case err == nil:
	case l.isStored(ctx, next):
	case errors.Is(err, jobs.ErrConflict):
		if next, err = jobs.Change(ctx, l.svc.back.Jobs, l.claim.JobID, change); err != nil {
			return err
		}
	default:
		return err
	}
	l.held.Store(int64(time.Since(l.taken)))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.job = next
	return nil
}

// isStored reports whether a change that returned an error was stored anyway, and if so
// updates next's revision: the store's answer may be lost, or a client library may try
// twice and find its own first write.
func (l *lease) isStored(ctx context.Context, next *jobs.Job) bool {
	stored, err := l.svc.back.Jobs.Get(ctx, l.claim.JobID)
	if err != nil || stored.Revision != next.Revision+1 {
		return false
	}
	next.Revision++
	if reflect.DeepEqual(jobs.Normalize(next), stored) {
		return true
	}
	next.Revision--
	return false
}

// watch extends the lease, and ends the attempt when the job was cancelled, was taken by
// another worker, or has stalled. Unless checkpoints confirm the claim, it is checked
// twice a second, so that a cancelled job stops within one.
func (l *lease) watch() {
	defer close(l.done)
	every := min(time.Second/2, l.length/3)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	extended := l.taken
	// If the store does not answer, the attempt must still end with its lease: by then
	// another worker may have the job.
	over := time.AfterFunc(time.Until(extended.Add(l.length)), func() { l.cancel(jobs.ErrLeaseLost) })
	defer over.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-ticker.C:
		}
		if l.stalled() {
			l.cancel(errStalled)
			return
		}
		var err error
		if asked := time.Now(); asked.Sub(extended) >= l.length/3 {
			err = l.change(l.ctx, func(j *jobs.Job) error { return j.Extend(l.svc.now(), l.claim, l.length) })
			if err == nil {
				extended = asked
				over.Reset(time.Until(extended.Add(l.length)))
			}
		} else if asked.Sub(l.taken)-time.Duration(l.held.Load()) >= every { // no checkpoint confirmed it
			err = l.check(l.ctx)
		}
		if errors.Is(err, jobs.ErrLeaseLost) || errors.Is(err, jobs.ErrNotFound) {
			l.cancel(jobs.ErrLeaseLost)
			return
		}
	}
}

// check reads whether the claim still holds.
func (l *lease) check(ctx context.Context) error {
	job, err := l.svc.back.Jobs.Get(ctx, l.claim.JobID)
	if err != nil {
		return err
	}
	return job.Holds(l.claim)
}
