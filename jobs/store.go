package jobs

import (
	"context"
	"time"
)

// Store keeps jobs. It is safe for concurrent use, by several processes where
// its backend is shared. Jobs that are passed in are not kept, and jobs that
// are returned are the caller's.
type Store interface {
	// Create stores a new job durably and sets its Revision to 1. ErrExists if
	// there is one with its id, of whichever organization.
	Create(ctx context.Context, job *Job) error
	// Get returns the job as last written: a write that was acknowledged
	// before Get began is seen. ErrNotFound.
	Get(ctx context.Context, id string) (*Job, error)
	// Update replaces the record if its stored Revision is job.Revision, and
	// sets that one higher in both. ErrConflict if it is another, ErrNotFound.
	// ID, OrganizationID and CreatedAt can't be changed by it.
	Update(ctx context.Context, job *Job) error
	// List returns an organization's jobs, newest first. Records that can't be read do
	// not hide the others: they are passed over, and the page is returned beside
	// ErrRecord, with a Next that leads past them. With any other error there is no
	// page.
	List(ctx context.Context, q Query) (*Page, error)
	// Due returns at most limit jobs whose DueAt is set and not after now, the
	// longest due first. Its cost does not grow with the number of jobs.
	// Records that can't be read do not hide the others, which are returned beside
	// ErrRecord.
	Due(ctx context.Context, now time.Time, limit int) ([]*Job, error)
}

// MaxPage is the largest, and DefaultPage the default, [Query.Limit].
const (
	DefaultPage = 50
	MaxPage     = 500
)

// Query selects jobs of one organization.
type Query struct {
	OrganizationID string
	// State to select; empty means all.
	State State
	// Limit of jobs in the page. 0 means DefaultPage; at most MaxPage.
	Limit int
	// Cursor of a page before; empty means the first page.
	Cursor string
}

// Page of jobs, ordered by CreatedAt and then ID, both descending. A job that
// was there when the first page was read and keeps its state is in exactly one
// page.
type Page struct {
	Jobs []*Job
	// Next is the cursor of the next page; empty behind the last.
	Next string
}

// PageSize is how many jobs a page has: Limit, within its bounds.
func (q Query) PageSize() int {
	if q.Limit <= 0 {
		return DefaultPage
	}
	return min(q.Limit, MaxPage)
}
