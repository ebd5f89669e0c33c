package ingest

import (
	"context"
	"errors"

	"github.com/fhirdock/fhirdock/jobs"
)

// Cancel ends a job that is not finished; the worker that has it stops. It also gives up
// a failed job for good, and with [Block] the later jobs of its organization go on. A
// job that is already cancelled is returned unchanged. Errors: ErrNotFound, ErrState if
// the job has completed or expired, ErrUnavailable.
func (s *Service) Cancel(ctx context.Context, who Caller, id string) (*jobs.Job, error) {
	var repeat bool
	job, err := s.changeOwn(ctx, who, id, func(j *jobs.Job) error {
		if repeat = j.State == jobs.Cancelled; repeat {
			return errUnchanged
		}
		return j.Cancel(s.now())
	})
	if err == nil && !repeat {
		s.finished(ctx, job)
		s.wake(ctx, job) // to clear it away; another job may be next too
	}
	return job, err
}

// Redrive accepts a failed or completed job once more. Errors: ErrNotFound, ErrState,
// ErrUnavailable.
func (s *Service) Redrive(ctx context.Context, who Caller, id string) (*jobs.Job, error) {
	job, err := s.changeOwn(ctx, who, id, func(j *jobs.Job) error {
		return j.Redrive(s.now())
	})
	if err == nil {
		s.wake(ctx, job)
	}
	return job, err
}

var errUnchanged = errors.New("unchanged")

// changeOwn changes one of the caller's jobs.
func (s *Service) changeOwn(ctx context.Context, who Caller, id string, change func(*jobs.Job) error) (*jobs.Job, error) {
	ctx, cancel := s.inTime(ctx)
	defer cancel()
	if _, err := s.Job(ctx, who, id); err != nil {
		return nil, err
	}
	var state jobs.State // as change saw it
	changed, err := jobs.Change(ctx, s.back.Jobs, id, func(j *jobs.Job) error {
		state = j.State
		return change(j)
	})
	switch {
	case errors.Is(err, errUnchanged):
		return s.Job(ctx, who, id)
	case errors.Is(err, jobs.ErrState):
		return nil, &Error{Kind: ErrState, Message: "The job is " + string(state) + ", which does not allow this", Err: err}
	case errors.Is(err, jobs.ErrNotFound):
		return nil, errNoJob
	case err != nil:
		return nil, unavailable("change job", err)
	}
	return changed, nil
}
