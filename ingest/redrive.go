package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// RedriveRequest selects failed jobs of the caller. Zero fields select all.
type RedriveRequest struct {
	// Code of the failure; see [Failure].
	Code string
	// After and Before bound the time at which a job failed: at or after After, and
	// before Before.
	After, Before time.Time
	// Limit is how many jobs one call redrives at most: 0 means 100; at most 500,
	// ErrInvalid above.
	Limit int
	// Cursor from the previous call. ErrInvalid if it is not one.
	Cursor string
}

// Redriven is what one call of [Service.RedriveAll] did.
type Redriven struct {
	// Jobs is how many jobs were redriven.
	Jobs int
	// Skipped is how many selected jobs can't be redriven: a rejected upload has no
	// payload, and someone else may have redriven a job meanwhile.
	Skipped int
	// Next is the cursor to continue from; empty if there are no more failed jobs. A
	// call looks at a bounded number of jobs, and returns when half of
	// Options.StoreTimeout has passed, so Next may be set although few or none were
	// redriven.
	Next string
}

const defaultRedrive = 100

// selects reports whether the request selects a job.
func (r *RedriveRequest) selects(j *jobs.Job) bool {
	return j.State == jobs.Failed && hasCode(j, r.Code) &&
		(r.After.IsZero() || !j.FinishedAt.Before(r.After)) && (r.Before.IsZero() || j.FinishedAt.Before(r.Before))
}

// RedriveAll accepts failed jobs once more, newest first, a bounded number at a time: call
// it with the cursor that it returned until there is none. A job that fails again
// meanwhile is not redriven twice; start without a cursor to redrive it. Concurrent
// callers redrive each job once.
//
// Errors: ErrInvalid, ErrForbidden, ErrUnavailable. After the latter, jobs redriven so far
// stay redriven and are returned with the error, with the cursor of the job that failed.
func (s *Service) RedriveAll(ctx context.Context, who Caller, req RedriveRequest) (*Redriven, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	if req.Limit < 0 || req.Limit > jobs.MaxPage {
		return nil, errLimit
	}
	setDefault(&req.Limit, defaultRedrive)
	ctx, cancel := s.inTime(ctx)
	defer cancel()
	done := &Redriven{}
	waking, cancel := context.WithTimeout(ctx, s.opts.WakeTimeout) // for all jobs together
	defer cancel()
	query := jobs.Query{OrganizationID: who.OrganizationID, State: jobs.Failed, Cursor: req.Cursor}
	next, err := s.scan(ctx, query, func(j *jobs.Job) (bool, error) {
		if !req.selects(j) {
			return true, nil
		}
		job, err := s.changeIf(ctx, j.ID, req.selects, func(j *jobs.Job) error { return j.Redrive(s.now()) })
		if err != nil {
			return false, unavailable("redrive job", err)
		}
		if job == nil {
			done.Skipped++
			return true, nil
		}
		s.wake(waking, job)
		done.Jobs++
		return done.Jobs < req.Limit, nil
	})
	done.Next = next
	if done.Jobs > 0 {
		s.opts.Logger.InfoContext(ctx, "failed jobs redriven", "jobs", done.Jobs, "skipped", done.Skipped)
	}
	return done, err
}

var errLimit = &Error{Kind: ErrInvalid, Message: fmt.Sprintf("limit must be from 1 to %d", jobs.MaxPage)}
