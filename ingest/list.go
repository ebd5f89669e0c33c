package ingest

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// maxScanned is how many jobs one call looks at if it filters by a field that stores don't
// index. Stores are asked for scanPage jobs at a time, and for fewer if the last ones were
// large: some records are a hundred times larger than others.
const (
	maxScanned = 2000
	scanPage   = 50
	minScan    = 10
	pageBytes  = 1 << 20 // of one page, about
)

// scan calls visit with the jobs of a query until visit returns false, q.Limit (0 means
// maxScanned) jobs were looked at, or half of the time has passed. next is the cursor
// after the last one, or before the one at which visit failed; empty if there are no more.
func (s *Service) scan(ctx context.Context, q jobs.Query, visit func(*jobs.Job) (more bool, err error)) (next string, err error) {
	at, most := q.Cursor, cmp.Or(q.Limit, maxScanned)
	q.Limit = min(most, scanPage)
	size := 0
	for looked := 0; ; {
		page, err := s.list(ctx, q)
		if err != nil {
			return at, err
		}
		for i, job := range page.Jobs {
			after := jobs.CursorOf(job).String() // visit may change the job
			size += sizeOf(job)
			more, err := visit(job)
			if err != nil {
				return at, err
			}
			at = after
			if looked++; more && looked < most && !s.late(ctx) {
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
		if looked += q.Limit - len(page.Jobs); looked >= most || s.late(ctx) { // counts unreadable records too
			return at, nil
		}
		q.Limit = min(most-looked, scanPage, max(minScan, looked*pageBytes/max(size, 1)))
	}
}

// late reports whether half of StoreTimeout has passed: operations that make several calls
// to the store then return what they have.
func (s *Service) late(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < s.opts.StoreTimeout/2
}

// sizeOf estimates the memory that a record takes, in bytes.
func sizeOf(j *jobs.Job) int {
	n := 1024 + len(j.Issues) + 32*len(j.ResourceCounts)
	if j.Failure != nil {
		n += len(j.Failure.Message) + len(j.Failure.Issues)
	}
	for _, o := range j.Outputs {
		n += 128 + len(o.Key)
	}
	return n
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
