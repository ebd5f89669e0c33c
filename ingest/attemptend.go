package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// settle records how an attempt ended. It returns an error if the record can't be written.
func (w *Worker) settle(ctx context.Context, l *lease, err error, took time.Duration) error {
	s, job := w.svc, l.current()
	log := s.opts.Logger.With("job", job.ID, "organization", job.OrganizationID, "attempt", job.Attempt)
	failure, _ := errors.AsType[*Failure](err)
	var outcomesKey string
	if failure != nil && failure.Permanent {
		// Under the lease: publishing many outcomes can take longer than writing the record may.
		var outcomesErr error
		if outcomesKey, outcomesErr = s.publishOutcomes(l.ctx, job); outcomesErr != nil {
			outcomesKey = "" // clients get the parts instead
			log.WarnContext(ctx, "outcomes not written", "error", outcomesErr)
		}
	}
	// Write the record even if the work was told to end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
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
			s.clearOutcomes(ctx, job) // a redrive makes new ones
		}
	default:
		if failure == nil {
			failure = &Failure{Code: "processing", Message: "The payload could not be processed", Err: err}
		}
		at := now.Add(s.backoff(job.InVain()))
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

// finished observes and logs a job that reached a final state.
func (s *Service) finished(ctx context.Context, job *jobs.Job) {
	e := Event{Kind: EventFinished, JobID: job.ID, Source: string(job.Source), State: string(job.State),
		Bytes: job.Payload.Size, Resources: job.Progress.Done, Rejected: job.Progress.Rejected,
		Duration: job.FinishedAt.Sub(job.CreatedAt)}
	if job.Failure != nil {
		e.Code = job.Failure.Code
	}
	s.opts.Observe(e)
	s.opts.Logger.InfoContext(ctx, "job finished", "job", job.ID, "organization", job.OrganizationID, "state", job.State, "code", e.Code,
		"done", e.Resources, "rejected", e.Rejected, "bytes", e.Bytes, "attempt", job.Attempt)
}
