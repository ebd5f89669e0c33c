package ingest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Operator looks at and changes the jobs of all organizations. It is for the operators of
// the service: no method takes a [Caller], so don't expose one to tenants' credentials.
// Package httpapi does not. It is safe for concurrent use.
//
// Each call looks at a bounded number of jobs and returns when half of
// [Options.StoreTimeout] has passed, or half of its context's time if that is shorter,
// with a cursor to continue from. Call a method until there is none:
//
//	for {
//		done, err := ops.Redrive(ctx, req)
//		if err != nil {
//			return err
//		}
//		if req.Cursor = done.Next; req.Cursor == "" {
//			return nil
//		}
//	}
type Operator struct{ svc *Service }

// Operator returns the operator's view of the Service.
func (s *Service) Operator() *Operator { return &Operator{svc: s} }

// OperatorRequest selects jobs. Zero fields select all jobs.
type OperatorRequest struct {
	// OrganizationID of the jobs. Empty: all organizations, ordered by their ids.
	OrganizationID string
	// State of the jobs. Empty: all; for Redrive failed, and for Cancel the unfinished
	// states.
	State jobs.State
	// Code of the last failure; see [Failure].
	Code string
	// After and Before bound the time at which a job finished or, if it is not finished,
	// was created: at or after After, and before Before.
	After, Before time.Time
	// Limit is how many jobs one call returns or changes at most: 0 means 100; at most
	// 500, ErrInvalid above. Count ignores it.
	Limit int
	// Cursor from the previous call with the same request. ErrInvalid if it is not one.
	Cursor string
	// DryRun makes Redrive and Cancel only count.
	DryRun bool
}

const defaultOperated = 100

// selects reports whether the request selects a job.
func (r *OperatorRequest) selects(j *jobs.Job) bool {
	at := j.CreatedAt
	if j.State.Finished() && !j.FinishedAt.IsZero() {
		at = j.FinishedAt
	}
	return (r.State == "" || j.State == r.State) && hasCode(j, r.Code) &&
		(r.After.IsZero() || !at.Before(r.After)) && (r.Before.IsZero() || at.Before(r.Before))
}

// check returns ErrInvalid if the request is invalid. allowed are the states that it may
// select; none means all.
func (r *OperatorRequest) check(allowed ...jobs.State) error {
	if len(allowed) == 0 {
		allowed = jobs.States()
	}
	if r.State != "" && !slices.Contains(allowed, r.State) {
		names := make([]string, len(allowed))
		for i, state := range allowed {
			names[i] = string(state)
		}
		return &Error{Kind: ErrInvalid, Message: "The state must be one of " + strings.Join(names, ", ")}
	}
	if r.Limit < 0 || r.Limit > jobs.MaxPage {
		return errLimit
	}
	setDefault(&r.Limit, defaultOperated)
	return nil
}

// List returns jobs, grouped by organization and newest first. A page may be short or
// empty although others follow. Errors: ErrInvalid, ErrUnavailable; then there is no page.
func (o *Operator) List(ctx context.Context, req OperatorRequest) (*jobs.Page, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	page, size := &jobs.Page{}, 0
	next, err := o.walk(ctx, &req, []jobs.State{req.State}, func(_ context.Context, j *jobs.Job) (bool, error) {
		if req.selects(j) {
			page.Jobs = append(page.Jobs, j)
			size += sizeOf(j)
		}
		return len(page.Jobs) < req.Limit && size < pageBytes, nil
	})
	if err != nil {
		return nil, err
	}
	page.Next = next
	return page, nil
}

// Counted is the result of one call of [Operator.Count].
type Counted struct {
	// Jobs by their state.
	Jobs map[jobs.State]int
	// Next is the cursor to continue from; empty if there are no more jobs.
	Next string
}

// Count counts jobs by reading each of them: for the number of all jobs in a state see
// [Operator.Stats]. Add up the numbers of all calls. Errors: ErrInvalid, ErrUnavailable;
// then nothing is counted.
func (o *Operator) Count(ctx context.Context, req OperatorRequest) (*Counted, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	counted := &Counted{Jobs: map[jobs.State]int{}}
	next, err := o.walk(ctx, &req, []jobs.State{req.State}, func(_ context.Context, j *jobs.Job) (bool, error) {
		if req.selects(j) {
			counted.Jobs[j.State]++
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	counted.Next = next
	return counted, nil
}

// Changed is what one call of [Operator.Redrive] or [Operator.Cancel] did, or would do
// with DryRun.
type Changed struct {
	// Jobs is how many jobs were changed.
	Jobs int
	// Skipped is how many selected jobs can't be changed: someone else changed them
	// meanwhile, or there is no payload to redrive.
	Skipped int
	// Next is the cursor to continue from; empty if there are no more jobs.
	Next string
}

// Redrive accepts failed jobs once more, or completed ones if State says so. A job that
// fails again meanwhile is not redriven twice. Concurrent callers redrive each job once.
//
// Errors: ErrInvalid, ErrUnavailable. After the latter, changes made so far are kept and
// returned with the error, with the cursor of the job that failed.
func (o *Operator) Redrive(ctx context.Context, req OperatorRequest) (*Changed, error) {
	if err := req.check(jobs.Failed, jobs.Completed); err != nil {
		return nil, err
	}
	setDefault(&req.State, jobs.Failed)
	return o.changeAll(ctx, &req, []jobs.State{req.State}, "redriven", func(j *jobs.Job) error { return j.Redrive(o.svc.now()) }, nil)
}

// Cancel ends unfinished jobs for good; workers that have them stop. If State says so, it
// cancels failed jobs too, which gives them up. Errors: as for Redrive.
func (o *Operator) Cancel(ctx context.Context, req OperatorRequest) (*Changed, error) {
	open := []jobs.State{jobs.AwaitingUpload, jobs.Accepted, jobs.Processing}
	if err := req.check(append(open, jobs.Failed)...); err != nil {
		return nil, err
	}
	if req.State != "" {
		open = []jobs.State{req.State}
	}
	return o.changeAll(ctx, &req, open, "cancelled", func(j *jobs.Job) error { return j.Cancel(o.svc.now()) }, o.svc.finished)
}

// changeAll changes the selected jobs that are in one of the states, and calls then with
// each of them, if then is not nil.
func (o *Operator) changeAll(ctx context.Context, req *OperatorRequest, states []jobs.State, what string,
	change func(*jobs.Job) error, then func(context.Context, *jobs.Job)) (*Changed, error) {
	s, done := o.svc, &Changed{}
	waking, cancel := context.WithTimeout(ctx, s.opts.WakeTimeout) // for all jobs together
	defer cancel()
	selects := func(j *jobs.Job) bool { return slices.Contains(states, j.State) && req.selects(j) }
	next, err := o.walk(ctx, req, states, func(ctx context.Context, j *jobs.Job) (bool, error) {
		if !selects(j) {
			return true, nil
		}
		changed := j
		if req.DryRun {
			if change(j) != nil {
				changed = nil
			}
		} else {
			var err error
			if changed, err = s.changeIf(ctx, j.ID, selects, change); err != nil {
				return false, unavailable("change job", err)
			}
		}
		if changed == nil {
			done.Skipped++
			return true, nil
		}
		if !req.DryRun {
			if then != nil {
				then(ctx, changed)
			}
			s.wake(waking, changed)
		}
		done.Jobs++
		return done.Jobs < req.Limit, nil
	})
	done.Next = next
	if done.Jobs > 0 && !req.DryRun {
		s.opts.Logger.InfoContext(ctx, "jobs "+what+" by the operator", "jobs", done.Jobs, "skipped", done.Skipped)
	}
	return done, err
}
