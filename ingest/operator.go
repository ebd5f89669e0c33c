package ingest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Operator looks at and changes the jobs of all organizations. It is for whoever runs the
// service: no method takes a [Caller], so don't make one reachable by credentials of a
// tenant. Package httpapi does not. It is safe for concurrent use.
//
// Each call looks at a bounded number of jobs and returns when half of
// [Options.StoreTimeout] is over, or half of its context's time if that is shorter, with
// a cursor to go on with. Call a method until there is none:
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

// OperatorRequest selects jobs. Zero fields select all.
type OperatorRequest struct {
	// OrganizationID of the jobs. Empty: all organizations, in the order of their ids.
	OrganizationID string
	// State of the jobs. Empty: all; for Redrive failed, and for Cancel those that are not
	// finished.
	State jobs.State
	// Code of the last failure; see [Failure].
	Code string
	// After and Before bound the time at which a job finished or, if it is not finished,
	// was created: not before After, and before Before.
	After, Before time.Time
	// Limit of jobs that one call returns or changes: 0 means 100; at most 500, ErrInvalid
	// above. Count ignores it.
	Limit int
	// Cursor from the call before, with the same request. ErrInvalid if it is not one.
	Cursor string
	// DryRun has Redrive and Cancel count, and change nothing.
	DryRun bool
}

const defaultOperated = 100

// selects reports whether a job is one that was asked for.
func (r *OperatorRequest) selects(j *jobs.Job) bool {
	at := j.CreatedAt
	if j.State.Finished() && !j.FinishedAt.IsZero() {
		at = j.FinishedAt
	}
	return (r.State == "" || j.State == r.State) && hasCode(j, r.Code) &&
		(r.After.IsZero() || !at.Before(r.After)) && (r.Before.IsZero() || at.Before(r.Before))
}

// check returns ErrInvalid if the request can't be done. allowed are the states that it
// may ask for, all if there are none.
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

// List returns jobs, those of one organization together and the newest first. A page may
// be short, or empty, and have others after it. Errors: ErrInvalid, ErrUnavailable; there
// is no page then.
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

// Counted is what one call of [Operator.Count] counted.
type Counted struct {
	// Jobs by their state.
	Jobs map[jobs.State]int
	// Next is the cursor to go on with; empty if no job is left to look at.
	Next string
}

// Count counts jobs, and reads each that it counts: for the number of all jobs in a state
// see [Operator.Stats]. Add up the numbers of all calls. Errors: ErrInvalid,
// ErrUnavailable; nothing is counted then.
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

// Changed is what one call of [Operator.Redrive] or [Operator.Cancel] did, or would do.
type Changed struct {
	// Jobs that were changed.
	Jobs int
	// Skipped were selected and can't be changed: somebody else changed them meanwhile, or
	// there is no payload to redrive.
	Skipped int
	// Next is the cursor to go on with; empty if no job is left to look at.
	Next string
}

// Redrive accepts failed jobs once more, or completed ones if State says so. A job that
// fails again meanwhile is not redriven a second time on the way. Several callers at once
// redrive each job once.
//
// Errors: ErrInvalid, ErrUnavailable. In the latter case what was changed stays so, and is
// returned beside the error, with the cursor of the job that could not be.
func (o *Operator) Redrive(ctx context.Context, req OperatorRequest) (*Changed, error) {
	if err := req.check(jobs.Failed, jobs.Completed); err != nil {
		return nil, err
	}
	setDefault(&req.State, jobs.Failed)
	return o.changeAll(ctx, &req, []jobs.State{req.State}, "redriven", func(j *jobs.Job) error { return j.Redrive(o.svc.now()) }, nil)
}

// Cancel ends jobs that are not finished, for good; workers that have them stop. It cancels
// failed jobs too if State says so, which gives them up. Errors: as of Redrive.
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

// changeAll changes the jobs that are selected and in one of the states. then is called with
// each job that was changed, if it is not nil.
func (o *Operator) changeAll(ctx context.Context, req *OperatorRequest, states []jobs.State, what string,
	change func(*jobs.Job) error, then func(context.Context, *jobs.Job)) (*Changed, error) {
	s, done := o.svc, &Changed{}
	waking, cancel := context.WithTimeout(ctx, s.opts.WakeTimeout) // of all jobs, not of each
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
