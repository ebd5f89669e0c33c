package ingest

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/jobs"
)

var errNoJob = &Error{Kind: ErrNotFound, Message: "Job not found"}

// Job returns one of the caller's jobs. Errors: ErrNotFound, ErrForbidden,
// ErrUnavailable.
func (s *Service) Job(ctx context.Context, who Caller, id string) (*jobs.Job, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	if !jobs.ValidID(id) {
		return nil, errNoJob
	}
	job, err := s.back.Jobs.Get(ctx, id)
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		return nil, errNoJob
	case err != nil:
		return nil, unavailable("read job", err)
	case job.OrganizationID != who.OrganizationID:
		return nil, errNoJob
	}
	return job, nil
}

// ListRequest selects the caller's jobs.
type ListRequest struct {
	// State to select; empty means all. ErrInvalid if it is not a state.
	State jobs.State
	// Code of the last failure; empty means all. Stores do not know it, so a call
	// looks at a bounded number of jobs: a page may have fewer than Limit, or none,
	// with others behind its cursor.
	Code string
	// Limit of the page: 0 means 50; at most 500, ErrInvalid above.
	Limit int
	// Cursor from the page before. ErrInvalid if it is not one.
	Cursor string
}

// Jobs lists the caller's jobs, newest first. Errors: ErrInvalid, ErrForbidden,
// ErrUnavailable.
func (s *Service) Jobs(ctx context.Context, who Caller, req ListRequest) (*jobs.Page, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	if req.State != "" && !req.State.Valid() {
		names := make([]string, 0, len(jobs.States()))
		for _, state := range jobs.States() {
			names = append(names, string(state))
		}
		return nil, &Error{Kind: ErrInvalid, Message: "Unknown status; allowed are " + strings.Join(names, ", ")}
	}
	if req.Limit < 0 || req.Limit > jobs.MaxPage {
		return nil, errLimit
	}
	query := jobs.Query{OrganizationID: who.OrganizationID, State: req.State, Limit: req.Limit, Cursor: req.Cursor}
	if req.Code == "" {
		return s.list(ctx, query)
	}
	page := &jobs.Page{}
	next, err := s.scan(ctx, query, func(j *jobs.Job) (bool, error) {
		if hasCode(j, req.Code) {
			page.Jobs = append(page.Jobs, j)
		}
		return len(page.Jobs) < query.PageSize(), nil
	})
	if err != nil {
		return nil, err
	}
	page.Next = next
	return page, nil
}

// hasCode reports whether a job's last failure has a code; an empty one is anybody's.
func hasCode(j *jobs.Job, code string) bool {
	return code == "" || j.Failure != nil && j.Failure.Code == code
}

// maxScanned is how many jobs one call looks at where it selects by what stores do not
// select by, and scanPage how many of them at a time.
const (
	maxScanned = 2000
	scanPage   = 250
)

// scan shows the jobs of a query to visit until that has had enough, or maxScanned
// were looked at. next is the cursor behind the last one, or before the one at which
// visit failed; empty where none is left.
func (s *Service) scan(ctx context.Context, q jobs.Query, visit func(*jobs.Job) (more bool, err error)) (next string, err error) {
	q.Limit = scanPage
	at := q.Cursor
	for looked := 0; ; {
		page, err := s.list(ctx, q)
		if err != nil {
			return at, err
		}
		for i, job := range page.Jobs {
			behind := jobs.CursorOf(job).String() // visit may change the job
			more, err := visit(job)
			if err != nil {
				return at, err
			}
			at = behind
			if looked++; more && looked < maxScanned {
				continue
			}
			if i+1 == len(page.Jobs) {
				return page.Next, nil
			}
			return at, nil
		}
		if page.Next == "" {
			return "", nil
		}
		at, q.Cursor = page.Next, page.Next
		if looked += q.Limit - len(page.Jobs); looked >= maxScanned { // at some that can't be read
			return at, nil
		}
	}
}

func (s *Service) list(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	page, err := s.back.Jobs.List(ctx, q)
	switch {
	case page != nil && errors.Is(err, jobs.ErrRecord):
		s.opts.Logger.WarnContext(ctx, "jobs that can't be read are left out of a list", "organization", q.OrganizationID, "error", err)
	case errors.Is(err, jobs.ErrCursor):
		return nil, &Error{Kind: ErrInvalid, Message: "The cursor is not one that a page gave", Err: err}
	case err != nil:
		return nil, unavailable("list jobs", err)
	}
	return page, nil
}

// Outcomes streams what was rejected of a job, as NDJSON of [Outcome]; empty if
// nothing was. While the job is not finished it is what is known so far.
// The reader is the caller's to close. Errors: ErrNotFound, ErrForbidden,
// ErrUnavailable.
func (s *Service) Outcomes(ctx context.Context, who Caller, id string) (io.ReadCloser, error) {
	job, err := s.Job(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if job.OutcomesKey == "" {
		parts, partsErr := s.outcomes.Job(stageID(job)).Index(ctx)
		// Looked at behind the parts: a job that completed meanwhile has taken them
		// away, and has one file instead.
		if job, err = s.Job(ctx, who, id); err != nil {
			return nil, err
		}
		switch {
		case job.OutcomesKey != "":
		case partsErr != nil:
			return nil, unavailable("open outcomes", partsErr)
		default:
			return parts.Open(ctx, outcomesSection), nil
		}
	}
	r, err := s.blobs.Open(ctx, job.OutcomesKey, nil)
	if errors.Is(err, blobstore.ErrNotFound) {
		return nil, errNoJob
	}
	if err != nil {
		return nil, unavailable("open outcomes", err)
	}
	return r, nil
}
