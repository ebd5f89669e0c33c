package ingest

import (
	"context"
	"errors"
	"strings"

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
	ctx, cancel := s.inTime(ctx)
	defer cancel()
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
	// State to select; empty means all. ErrInvalid for an unknown state.
	State jobs.State
	// Code of the last failure; empty means all. Stores have no index of it, so a call
	// looks at a bounded number of jobs: a page may be empty although others follow.
	Code string
	// Limit of the page: 0 means 50; at most 500, ErrInvalid above. A page may have fewer
	// jobs although others follow: it ends after about 1 MiB of records, or if the store
	// is slow.
	Limit int
	// Cursor from the previous page. ErrInvalid if it is not one.
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
	most := query.PageSize()
	if query.Limit = most; req.Code != "" {
		query.Limit = 0
	}
	ctx, cancel := s.inTime(ctx)
	defer cancel()
	page, size := &jobs.Page{}, 0
	next, err := s.scan(ctx, query, func(j *jobs.Job) (bool, error) {
		if hasCode(j, req.Code) {
			page.Jobs = append(page.Jobs, j)
			size += sizeOf(j)
		}
		return len(page.Jobs) < most && size < pageBytes, nil
	})
	if err != nil {
		return nil, err
	}
	page.Next = next
	return page, nil
}

// hasCode reports whether a job's last failure has a code; an empty code matches all jobs.
func hasCode(j *jobs.Job, code string) bool {
	return code == "" || j.Failure != nil && j.Failure.Code == code
}
