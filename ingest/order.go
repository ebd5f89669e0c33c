package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// HeadOfLine says what a failed job does to the later ones of its organization,
// where an order is kept.
type HeadOfLine string

const (
	// Park: it is out of the way, and the later ones go on without it.
	Park HeadOfLine = "park"
	// Block: they wait until it is redriven to its end, or cancelled. An upload
	// that was refused because it was not what had been promised blocks nothing:
	// it was never accepted.
	Block HeadOfLine = "block"
)

// errBehind: it is not this job's turn. It is woken when its predecessor ends.
var errBehind = fmt.Errorf("%w: an older job of its organization is not finished", jobs.ErrNotDue)

// order keeps the jobs of each organization one behind the other.
//
// Two workers can't both pass: each first claims, by compare-and-set, and then
// looks whether the job that it has is the oldest and the only one that is being
// worked on. Of two that claim different jobs the later one to claim sees the
// other's job, and gives its own back.
type order struct {
	store    jobs.Store
	heads    jobs.Scheduler
	standing jobs.Standing
}

// next returns the one job of an organization that may be worked on, the oldest;
// errBehind if that one has failed, or a later one is being worked on.
func (o *order) next(ctx context.Context, organization string) (*jobs.Job, error) {
	heads, err := o.heads.Heads(ctx, jobs.HeadsQuery{Standing: o.standing, OrganizationID: organization})
	if err != nil {
		return nil, fmt.Errorf("ingest: read the oldest job: %w", err)
	}
	if len(heads) == 0 { // all are finished
		return nil, jobs.ErrState
	}
	head := heads[0]
	if head.State == jobs.Failed {
		return nil, errBehind
	}
	working, err := o.store.List(ctx, jobs.Query{OrganizationID: organization, State: jobs.Processing, Limit: 2})
	if err != nil {
		return nil, fmt.Errorf("ingest: read what is being worked on: %w", err)
	}
	for _, job := range working.Jobs {
		if job.ID != head.ID {
			return nil, errBehind
		}
	}
	return head, nil
}

// holds returns nil if a job that was claimed may be worked on.
func (o *order) holds(ctx context.Context, job *jobs.Job) error {
	head, err := o.next(ctx, job.OrganizationID)
	if err == nil && head.ID != job.ID {
		return errBehind
	}
	return err
}

// giveBack undoes a claim behind which nothing was done, and wakes the job whose
// turn it is: that one may have been refused for this claim's sake.
func (w *Worker) giveBack(ctx context.Context, job *jobs.Job, claim jobs.Claim, fresh bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	_, err := jobs.Change(ctx, w.svc.back.Jobs, job.ID, func(j *jobs.Job) error {
		if err := j.Release(w.svc.now(), claim); err != nil {
			return err
		}
		if fresh { // as before the claim
			j.StartedAt, j.BatchResources, j.BatchBytes = time.Time{}, 0, 0
		}
		return nil
	})
	if err != nil {
		w.svc.opts.Logger.WarnContext(ctx, "job out of turn not given back; the lease runs out instead", "job", job.ID, "error", err)
		return
	}
	w.svc.wakeNext(ctx, job.OrganizationID)
}

// wakeNext wakes the job that may have waited for one that has ended, so that it
// need not wait for the sweeper. Where nobody keeps an order, or the store can't
// tell, it was woken already.
func (s *Service) wakeNext(ctx context.Context, organization string) {
	heads, ok := s.back.Jobs.(jobs.Scheduler)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	next, err := heads.Heads(ctx, jobs.HeadsQuery{OrganizationID: organization})
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "next job not woken; the sweeper wakes it", "error", err)
		return
	}
	if len(next) > 0 && next[0].State == jobs.Accepted && !next[0].NotBefore.After(s.now()) {
		s.wake(ctx, next[0])
	}
}
