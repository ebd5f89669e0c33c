package ingest

import (
	"context"
	"errors"

	"github.com/fhirdock/fhirdock/jobs"
)

// clear removes what a cancelled job left half done, and says whether the job is
// such a one. Where it fails the sweeper wakes the job again.
func (w *Worker) clear(ctx context.Context, id string) bool {
	s := w.svc
	log := s.opts.Logger.With("job", id)
	job, err := w.read(ctx, id)
	if err != nil || job.State != jobs.Cancelled || job.DueAt.IsZero() || s.now().Before(job.NotBefore) {
		return false
	}
	if err = w.keepRejected(ctx, job); err == nil {
		err = errors.Join(s.outcomes.Job(stageID(job)).Clear(ctx), s.dropBlocks(ctx, job))
	}
	if d, ok := w.handler.(Discarder); ok && err == nil {
		err = w.handle(ctx, func(ctx context.Context) error { return d.Discard(ctx, job) })
	}
	if err == nil {
		err = w.change(ctx, id, func(j *jobs.Job) error { return j.Cleared(s.now()) })
	}
	if err != nil {
		log.With(s.handlerCause(err)...).WarnContext(ctx, "cancelled job not cleared away; the sweeper wakes it again")
		return true
	}
	log.DebugContext(ctx, "cancelled job cleared away")
	return true
}

// keepRejected publishes what a cancelled job rejected before its parts are removed:
// the resources beside it have been handed over.
func (w *Worker) keepRejected(ctx context.Context, job *jobs.Job) error {
	if job.Progress.Rejected == 0 {
		return nil
	}
	key, err := w.svc.publishOutcomes(ctx, job)
	if err != nil {
		return err
	}
	return w.change(ctx, job.ID, func(j *jobs.Job) error {
		j.OutcomesKey = key
		return nil
	})
}

// read and change give up on a store that does not answer.
func (w *Worker) read(ctx context.Context, id string) (*jobs.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	return w.svc.back.Jobs.Get(ctx, id)
}

func (w *Worker) change(ctx context.Context, id string, change func(*jobs.Job) error) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	_, err := jobs.Change(ctx, w.svc.back.Jobs, id, change)
	return err
}
