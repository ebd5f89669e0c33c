package ingest

import (
	"context"
	"errors"
	"fmt"
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
		return nil, &Error{Kind: ErrInvalid, Message: fmt.Sprintf("limit must be from 1 to %d", jobs.MaxPage)}
	}
	page, err := s.back.Jobs.List(ctx, jobs.Query{
		OrganizationID: who.OrganizationID, State: req.State, Limit: req.Limit, Cursor: req.Cursor,
	})
	switch {
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
