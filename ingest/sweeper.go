package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// SweeperOptions; nil, and zero fields, mean the defaults.
type SweeperOptions struct {
	// Every is the time between two sweeps. Default 5 seconds.
	Every time.Duration
	// Page is how many due jobs are read at a time. Default 200.
	Page int
}

func (o *SweeperOptions) withDefaults() (SweeperOptions, error) {
	var d SweeperOptions
	if o != nil {
		d = *o
	}
	setDefault(&d.Every, 5*time.Second)
	setDefault(&d.Page, 200)
	if d.Every < 0 || d.Page < 0 {
		return d, errors.New("ingest: no field of SweeperOptions may be negative")
	}
	return d, nil
}

// Sweeper looks after every job that is due: it sends lost wake-ups again, takes
// jobs from workers that died, and looks for uploads whose notification was
// lost. Any number may run against the same store.
type Sweeper struct {
	svc  *Service
	opts SweeperOptions
}

// NewSweeper returns a Sweeper. It fails without a Service, and if an option can't
// work.
func NewSweeper(s *Service, opts *SweeperOptions) (*Sweeper, error) {
	if s == nil {
		return nil, errors.New("ingest: NewSweeper needs a Service")
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Sweeper{svc: s, opts: o}, nil
}

// Run sweeps at once and then every so often until ctx is done, and returns nil
// then. A sweep that fails is logged, and the next one tries again.
func (w *Sweeper) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.opts.Every)
	defer ticker.Stop()
	for {
		if _, err := w.Sweep(ctx); err != nil && ctx.Err() == nil {
			w.svc.opts.Logger.WarnContext(ctx, "sweep failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Sweep looks once after all jobs that are due now and returns how many they were.
// A job that can't be looked after, or whose wake-up can't be sent, does not keep
// the others from it. Where [Options.Adopt] is set and [Adoption.ListEvery] has
// passed, Sweep then lists the next part of its prefix.
func (w *Sweeper) Sweep(ctx context.Context) (int, error) {
	now := w.svc.now()
	var done, unsent int
	var failed []error
	var before map[string]bool // the page before this one
	for {
		due, err := w.due(ctx, now)
		if err != nil { // those that could be read are there all the same
			failed = append(failed, fmt.Errorf("ingest: read due jobs: %w", err))
		}
		moved := 0
		page := make(map[string]bool, len(due))
		for _, job := range due {
			page[job.ID] = true
			if before[job.ID] {
				continue // it failed, or the store shows it as it was
			}
			if err := w.look(ctx, job, &unsent); err != nil {
				failed = append(failed, fmt.Errorf("job %s: %w", job.ID, err))
				continue
			}
			moved++
		}
		done, before = done+moved, page
		// Jobs that failed are still due: unless another one moved, the next page would
		// be this one again.
		if len(due) < w.opts.Page && err == nil || moved == 0 || ctx.Err() != nil {
			break
		}
	}
	if err := w.svc.listAdopted(ctx); err != nil {
		failed = append(failed, err)
	}
	return done, errors.Join(failed...)
}

func (w *Sweeper) due(ctx context.Context, now time.Time) ([]*jobs.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	return w.svc.back.Jobs.Due(ctx, now, w.opts.Page)
}

// maxUnsent is how many wake-ups in a row may fail in one sweep. One may fail for
// itself; if several do, the queue is full or away, and trying the others would
// only take time.
const maxUnsent = 3

// look does what one due job needs, and moves its due time. unsent counts the
// wake-ups that failed, one behind the other, in this sweep.
func (w *Sweeper) look(ctx context.Context, job *jobs.Job, unsent *int) error {
	if job.State == jobs.AwaitingUpload || job.State == jobs.Expired {
		return w.lookForUpload(ctx, job)
	}
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	s, now := w.svc, w.svc.now()
	switch job.State {
	case jobs.Processing:
		rescued, err := jobs.Change(ctx, s.back.Jobs, job.ID, func(j *jobs.Job) error {
			return j.Rescue(now, now.Add(s.opts.WakeAfter))
		})
		if err != nil {
			return ignoreMoved(err)
		}
		s.opts.Observe(Event{Kind: EventRescued, JobID: job.ID, Source: string(job.Source)})
		s.opts.Logger.WarnContext(ctx, "job taken from a worker that went silent", "job", job.ID, "attempt", job.Attempt)
		if rescued.State.Finished() {
			s.finished(ctx, rescued)
			s.wakeNext(ctx, rescued.OrganizationID)
			return nil
		}
		s.wake(ctx, rescued)
		return nil
	case jobs.Accepted, jobs.Cancelled:
		// Sent first: a worker that takes it meanwhile wins, and the record of
		// the wake-up is not needed any more. A job whose wake-up can't be sent
		// must not stand before all others meanwhile.
		next := now.Add(s.opts.WakeAfter)
		if *unsent < maxUnsent {
			if s.publish(ctx, job) == nil {
				*unsent, next = 0, now.Add(3*s.opts.WakeAfter)
				s.opts.Observe(Event{Kind: EventWoken, JobID: job.ID, Source: string(job.Source)})
			} else {
				*unsent++
			}
		}
		_, err := jobs.Change(ctx, s.back.Jobs, job.ID, func(j *jobs.Job) error {
			if !j.DueAt.Equal(job.DueAt) {
				return jobs.ErrNotDue // another sweeper was here
			}
			return j.Woken(now, next)
		})
		return ignoreMoved(err)
	}
	return fmt.Errorf("ingest: a job that is %s is due", job.State)
}

// lookForUpload looks for an upload whose notification may be lost. A job whose
// upload can't be looked for must not stand before all others meanwhile.
func (w *Sweeper) lookForUpload(ctx context.Context, job *jobs.Job) error {
	tried, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	_, err := w.svc.look(tried, job)
	if err == nil {
		return nil
	}
	ctx, cancel = context.WithTimeout(ctx, settle)
	defer cancel()
	now := w.svc.now()
	_, later := jobs.Change(ctx, w.svc.back.Jobs, job.ID, func(j *jobs.Job) error {
		return j.Postpone(now, now.Add(w.svc.opts.WakeAfter))
	})
	return errors.Join(err, ignoreMoved(later))
}

// ignoreMoved: a job that somebody else moved meanwhile needs nothing more.
func ignoreMoved(err error) error {
	if errors.Is(err, jobs.ErrState) || errors.Is(err, jobs.ErrNotDue) || errors.Is(err, jobs.ErrNotFound) {
		return nil
	}
	return err
}
