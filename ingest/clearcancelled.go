package ingest

import (
	"context"
	"errors"

	"github.com/fhirdock/fhirdock/jobs"
)

// clear removes what a cancelled job left half done, including its outcomes. It removes
// before it writes anything, so that a full disk does not keep it from freeing space. If
// it fails, the job is next again after a lease.
func (w *Worker) clear(ctx context.Context, job *jobs.Job) {
	s := w.svc
	log := s.opts.Logger.With("job", job.ID, "organization", job.OrganizationID)
	if job.Buried() {
		if err := s.unbury(ctx, job); err != nil {
			log.With(s.handlerCause(err)...).WarnContext(ctx, "tombstone of an erased job not removed; retrying later")
		}
		return
	}
	err := errors.Join(s.dropOutcomes(ctx, job), s.dropBlocks(ctx, job))
	if d, ok := w.handler.(Discarder); ok && err == nil {
		err = w.handle(ctx, func(ctx context.Context) error { return d.Discard(ctx, job) })
	}
	if err == nil {
		err = ignoreMoved(w.changeCancelled(ctx, job.ID, func(j *jobs.Job) error { // it may have been erased
			if err := j.Cleared(s.now()); err != nil {
				return err
			}
			j.OutcomesKey = ""
			return nil
		}))
	}
	if err != nil {
		log.With(s.handlerCause(err)...).WarnContext(ctx, "cancelled job not cleared away; retrying later")
		return
	}
	log.DebugContext(ctx, "cancelled job cleared away")
}

// changeCancelled changes the record of a cancelled job, within the bookkeeping timeout.
func (w *Worker) changeCancelled(ctx context.Context, id string, change func(*jobs.Job) error) error {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	_, err := jobs.Change(ctx, w.svc.back.Jobs, id, change)
	return err
}
