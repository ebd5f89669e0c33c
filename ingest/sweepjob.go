package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/jobs"
)

const (
	// dueAtOnce is how many due jobs are looked after at once.
	dueAtOnce = 16
	// lookTimeout bounds a look at the bucket for an upload.
	lookTimeout = 5 * time.Second
	// lookAgain is the delay after a look for an upload that failed.
	lookAgain = 30 * time.Second
)

// brake stops looks at a bucket that does not answer: after a look has timed out while no
// other one succeeded, or after dueAtOnce failed looks in a row. The other uploads are then
// put off.
type brake struct {
	failed    atomic.Int32
	succeeded atomic.Int64 // looks
}

func (b *brake) on() bool { return b.failed.Load() >= dueAtOnce }

// try makes a look, bounded by lookTimeout.
func (b *brake) try(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	before := b.succeeded.Load()
	err := look(ctx)
	switch {
	case err == nil:
		b.succeeded.Add(1)
		b.failed.Store(0)
	case ctx.Err() != nil && b.succeeded.Load() == before:
		b.failed.Store(dueAtOnce)
	default:
		b.failed.Add(1)
	}
	return err
}

// lookAfter does what each of the jobs needs, many at once and in their order: those of
// dead workers come first. It returns how many moved.
func (w *Sweeper) lookAfter(ctx context.Context, due []*jobs.Job, brake *brake) (moved int, errs []error) {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(dueAtOnce)
	for _, job := range due {
		g.Go(func() error {
			err := w.sweepJob(ctx, job, brake)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("job %s: %w", job.ID, err))
			} else {
				moved++
			}
			return nil
		})
	}
	_ = g.Wait() // never fails
	return moved, errs
}

// sweepJob does what one due job needs, and moves its due time.
func (w *Sweeper) sweepJob(ctx context.Context, job *jobs.Job, brake *brake) error {
	s, now := w.svc, w.svc.now()
	switch job.State {
	case jobs.Processing:
		return w.rescue(ctx, job, "its worker went silent", func(j *jobs.Job) error { return j.Rescue(now, s.afterDeath(j, now)) })
	case jobs.AwaitingUpload, jobs.Expired:
		return w.lookForUpload(ctx, job, brake)
	case jobs.Accepted, jobs.Cancelled:
		// It has waited for jobs.Overdue, or was written by an earlier release, which woke
		// due jobs.
		err := w.postpone(ctx, job, now, jobs.Overdue)
		if err == nil && now.Sub(job.CreatedAt) > jobs.Overdue {
			s.opts.Logger.WarnContext(ctx, "job has waited for a worker for a day", "job", job.ID, "organization", job.OrganizationID)
		}
		return ignoreMoved(err)
	}
	return fmt.Errorf("ingest: a job that is %s is due", job.State)
}

// postpone moves the due time of a job, unless someone else has moved it.
func (w *Sweeper) postpone(ctx context.Context, job *jobs.Job, now time.Time, by time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	_, err := jobs.Change(ctx, w.svc.back.Jobs, job.ID, func(j *jobs.Job) error {
		if !j.DueAt.Equal(job.DueAt) {
			return jobs.ErrNotDue
		}
		return j.Postpone(now, now.Add(by))
	})
	return err
}

// rescue takes a job from a worker that can't continue it.
func (w *Sweeper) rescue(ctx context.Context, job *jobs.Job, why string, take func(*jobs.Job) error) error {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	s := w.svc
	rescued, err := jobs.Change(ctx, s.back.Jobs, job.ID, take)
	if err != nil {
		return ignoreMoved(err)
	}
	s.opts.Observe(Event{Kind: EventRescued, JobID: job.ID, Source: string(job.Source)})
	msg := "job taken from its worker; the next free worker continues it"
	if rescued.State.Finished() {
		msg = "job taken from its worker; it fails, because this was its last attempt"
	}
	s.opts.Logger.WarnContext(ctx, msg, "why", why, "job", job.ID, "organization", job.OrganizationID, "attempt", job.Attempt)
	if rescued.State.Finished() {
		s.finished(ctx, rescued)
	}
	s.wake(ctx, rescued) // it is next or, if it failed, another one may be
	return nil
}

// lookForUpload looks for an upload whose notification may be lost. If the look fails the
// job is put off, so that it is not first again next time.
func (w *Sweeper) lookForUpload(ctx context.Context, job *jobs.Job, brake *brake) error {
	var err error
	if !brake.on() {
		err = brake.try(ctx, func(ctx context.Context) error {
			_, err := w.svc.findUpload(ctx, job)
			return err
		})
		if err == nil {
			return nil
		}
	}
	return errors.Join(err, ignoreMoved(w.postpone(ctx, job, w.svc.now(), lookAgain)))
}

// ignoreMoved returns nil for errors that mean that someone else moved the job meanwhile.
func ignoreMoved(err error) error {
	if errors.Is(err, jobs.ErrState) || errors.Is(err, jobs.ErrNotDue) || errors.Is(err, jobs.ErrNotFound) || errors.Is(err, jobs.ErrLeaseLost) {
		return nil
	}
	return err
}
