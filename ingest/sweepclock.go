package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/jobs"
)

const (
	// clockTolerance is how far the clocks of processes may differ, and how far one may be
	// set back, before the sweeper looks for jobs dated by a clock that was ahead.
	clockTolerance = time.Minute
	// farAhead is how far ahead it then looks for ends of leases and looks for uploads.
	// Jobs that wait for a worker are due later; see jobs.Overdue.
	farAhead = 12 * time.Hour
	// everAhead is how far ahead it looks for ends of waits.
	everAhead = 100 * 365 * 24 * time.Hour
)

// clockWatch watches for jobs dated by a clock that was ahead, such as this process's own
// before it was set back. They would be due too late.
type clockWatch struct {
	wall, real time.Time // of the last sweep, by Options.Now and by the monotonic clock
	leases     map[string]watchedLease
	found      bool   // the last look found a job of such a clock
	after      string // the last organization whose waits were looked at
	warned     bool
}

// watchedLease is the lease of a job that has been at a revision since a time.
type watchedLease struct {
	revision int64
	since    time.Time
}

// mendClock looks for jobs dated by a clock that was ahead: at the first sweep, after this
// process's own clock was set back, and as long as it finds any. It takes over jobs whose
// workers have not extended their lease for its whole length, by the monotonic clock. Jobs
// that wait for a time wait for their original duration, from now on.
func (w *Sweeper) mendClock(ctx context.Context) error {
	now, real := w.svc.now().Round(0), time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.clock
	back := c.real.IsZero() || real.Sub(c.real)-now.Sub(c.wall) > clockTolerance
	c.wall, c.real = now, real
	if !back && !c.found {
		return nil
	}
	c.found = false
	read, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	store := w.svc.back.Jobs
	far, err := store.Due(read, now.Add(farAhead), jobs.MaxPage)
	if err == nil || errors.Is(err, jobs.ErrRecord) {
		var waiting []*jobs.Job
		waiting, err = store.Next(read, jobs.NextQuery{Now: now.Add(everAhead), After: c.after, Limit: jobs.MaxPage, PerOrganization: jobs.MaxPage})
		if c.after = ""; len(waiting) == jobs.MaxPage {
			c.after = waiting[len(waiting)-1].OrganizationID
		}
		far = append(far, waiting...)
	}
	if err != nil && !errors.Is(err, jobs.ErrRecord) {
		c.real = time.Time{} // look again at the next sweep
		return fmt.Errorf("ingest: read jobs that are due late: %w", err)
	}
	was := c.leases
	c.leases = map[string]watchedLease{}
	var g errgroup.Group
	g.SetLimit(dueAtOnce)
	for _, job := range far {
		if job.UpdatedAt.Sub(now) <= clockTolerance {
			continue
		}
		c.found = true
		c.warn(ctx, w.svc, job, now)
		switch {
		case job.State == jobs.Processing:
			if c.silent(job, was[job.ID]) {
				g.Go(func() error { return w.takeSilent(ctx, job) })
			}
		case job.State != jobs.Accepted || job.NotBefore.After(now):
			g.Go(func() error { return w.redate(ctx, job) })
		}
	}
	return g.Wait()
}

// warn logs once that jobs are dated in the future.
func (c *clockWatch) warn(ctx context.Context, s *Service, job *jobs.Job, now time.Time) {
	if c.warned {
		return
	}
	c.warned = true
	s.opts.Logger.WarnContext(ctx, "a job was recorded in the future: this machine's clock was set back, or another's is ahead; "+
		"jobs of silent workers are still taken over, and waits restart", "job", job.ID, "ahead", job.UpdatedAt.Sub(now))
}

// silent reports whether a job's lease has been at the same revision for its whole length.
// If not, it keeps watching the job.
func (c *clockWatch) silent(job *jobs.Job, seen watchedLease) bool {
	if seen.revision != job.Revision {
		seen = watchedLease{job.Revision, c.real}
	}
	if c.real.Sub(seen.since) >= min(job.DueAt.Sub(job.UpdatedAt), longestLease) {
		return true
	}
	c.leases[job.ID] = seen
	return false
}

// takeSilent takes a job from a worker that has not extended its lease.
func (w *Sweeper) takeSilent(ctx context.Context, job *jobs.Job) error {
	return w.rescue(ctx, job, "its worker went silent", func(j *jobs.Job) error {
		if j.Revision != job.Revision {
			return jobs.ErrLeaseLost // its worker is alive
		}
		now := w.svc.now()
		return j.TakeOver(now, job.LeaseOwner, w.svc.afterDeath(j, now))
	})
}

// redate restarts a job's wait from now, unless someone else has changed the job.
func (w *Sweeper) redate(ctx context.Context, job *jobs.Job) error {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	_, err := jobs.Change(ctx, w.svc.back.Jobs, job.ID, func(j *jobs.Job) error {
		if j.Revision != job.Revision {
			return jobs.ErrNotDue
		}
		return j.Redate(w.svc.now())
	})
	return ignoreMoved(err)
}
