package jobs

import (
	"context"
	"slices"
	"time"
)

// Store keeps jobs. It is safe for concurrent use, by several processes if its backend
// is shared. A Store does not retain jobs passed to it, and the caller owns the jobs it
// returns.
type Store interface {
	// Create stores a new job durably and sets its Revision to 1. ErrExists if a job
	// with this id exists in any organization.
	Create(ctx context.Context, job *Job) error
	// Get returns the job as last written. It sees every write that was acknowledged
	// before Get began. ErrNotFound if there is none.
	Get(ctx context.Context, id string) (*Job, error)
	// Update replaces the record if its stored Revision is job.Revision, and increments
	// the Revision of both. ErrConflict if the stored Revision is another; ErrNotFound.
	// Update does not change ID, OrganizationID and CreatedAt.
	Update(ctx context.Context, job *Job) error
	// Delete removes the record if its stored Revision is job.Revision. ErrConflict if
	// it is another; ErrNotFound. The id can be created again afterwards. More than one
	// concurrent deletion of a revision may succeed. A retry after a lost answer may return
	// ErrNotFound: treat that as done. Delete accepts a job in any state; the caller makes
	// sure that nothing works on it.
	Delete(ctx context.Context, job *Job) error
	// List returns an organization's jobs, newest first. It skips records that can't be
	// read and returns the page together with ErrRecord; Page.Next leads past them. With
	// any other error there is no page.
	List(ctx context.Context, q Query) (*Page, error)
	// Next returns the jobs to work on next and, if the query has a Claim, claims them. It
	// is fair between organizations, keeps the order within one, and skips jobs in
	// back-off at no cost, however many there are. Jobs are sorted in the order in which
	// organizations are asked, then by CreatedAt and ID. Next sees every write that was
	// acknowledged before it began. Two calls never claim the same job, nor, with Ordered
	// and Blocking, two jobs of one organization. The cost grows with the number of jobs
	// returned, and at most with the number of organizations that have jobs waiting, but
	// not with the number of jobs. If some records can't be read (ErrRecord), or some jobs
	// could not be claimed, Next returns the other jobs together with the error.
	Next(ctx context.Context, q NextQuery) ([]*Job, error)
	// Count returns how many jobs are in a state: of an organization or, if organizationID
	// is empty, of all. It stops counting at limit. Its cost grows with the number it
	// returns and, for a state other than Accepted of all organizations, with the number
	// of organizations. The number may be off by jobs that change during the call and, on
	// DynamoDB, by those that its indexes don't have yet; there, accepted jobs include
	// cancelled ones that still need clean-up.
	Count(ctx context.Context, organizationID string, state State, limit int) (int, error)
	// Due returns at most limit jobs whose DueAt is set and not after now: first the
	// expired leases, then the others, each ordered by DueAt. Its cost does not grow with
	// the number of jobs. It skips records that can't be read and returns the others
	// together with ErrRecord.
	Due(ctx context.Context, now time.Time, limit int) ([]*Job, error)
	// Ready returns an error if the store can't be written to now, as far as it can tell
	// without writing. It is for readiness probes: it changes nothing and costs no more
	// than a Get or an Update.
	Ready(ctx context.Context) error
	// Organizations returns the ids of the organizations after the given one, in the order
	// of their bytes: at most limit, which is 1 to MaxPage. It returns every organization
	// that has a job, and may return some whose jobs were all deleted. Its cost grows with
	// the number of organizations, not of jobs.
	Organizations(ctx context.Context, after string, limit int) ([]string, error)
}

// MaxPage is the largest, and DefaultPage the default, [Query.Limit].
const (
	DefaultPage = 50
	MaxPage     = 500
)

// Query selects jobs of one organization.
type Query struct {
	OrganizationID string
	// State restricts the list to one state; empty means all.
	State State
	// Limit is how many jobs a page has at most. 0 means DefaultPage; at most MaxPage.
	Limit int
	// Cursor is the Next of the previous page; empty means the first page.
	Cursor string
}

// Page is a page of jobs, ordered by CreatedAt and then ID, both descending. A job that
// existed when the first page was read and keeps its state is in exactly one page.
type Page struct {
	Jobs []*Job
	// Next is the cursor of the next page; empty on the last page.
	Next string
}

// SortDue sorts jobs as [Store.Due] returns them.
func SortDue(due []*Job) {
	slices.SortStableFunc(due, func(a, b *Job) int {
		switch {
		case a.State == b.State || a.State != Processing && b.State != Processing:
			return a.DueAt.Compare(b.DueAt)
		case a.State == Processing:
			return -1
		}
		return 1
	})
}

// PageSize returns Limit within its bounds.
func (q Query) PageSize() int {
	if q.Limit <= 0 {
		return DefaultPage
	}
	return min(q.Limit, MaxPage)
}
