package jobs

import (
	"context"
	"slices"
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
	// Delete removes the record if its stored Revision is job.Revision: ErrConflict if
	// it is another, ErrNotFound. The id can be created again afterwards. Of several
	// deletions of one revision more than one may succeed; one whose answer was lost
	// and that is made again may return ErrNotFound, so treat that as done. Delete takes
	// a job of any state; the caller makes sure that nothing works on it.
	Delete(ctx context.Context, job *Job) error
	// List returns an organization's jobs, newest first. Records that can't be read do
	// not hide the others: they are passed over, and the page is returned beside
	// ErrRecord, with a Next that leads past them. With any other error there is no
	// page.
	List(ctx context.Context, q Query) (*Page, error)
	// Next returns the jobs to work on next and, if the query has a Claim, claims them. It
	// is fair between organizations, keeps the order within one, and passes over jobs in
	// back-off at no cost, however many there are. Jobs are in the order in which
	// organizations are asked, then by CreatedAt and ID. A write that was acknowledged
	// before Next began is seen. Two calls never claim the same job, nor, with an Order,
	// two jobs of one organization. The cost grows with the number of jobs returned, and
	// at most with the number of organizations that have jobs waiting, but not with the
	// number of jobs. If some records can't be read (ErrRecord), or some jobs could not be
	// claimed, the other jobs are returned beside the error.
	Next(ctx context.Context, q NextQuery) ([]*Job, error)
	// Count returns how many jobs are in a state: of an organization or, if that is empty,
	// of all. It counts up to limit and no further. Its cost grows with the number that it
	// returns and, where it counts a state other than Accepted of all organizations, with
	// the number of organizations. The number may be off by jobs that change during the
	// call and, on DynamoDB, by those that its indexes don't have yet; there accepted jobs
	// include cancelled ones that are still to be cleared away.
	Count(ctx context.Context, organizationID string, state State, limit int) (int, error)
	// Due returns at most limit jobs whose DueAt is set and not after now: those that are
	// being processed, whose lease is over, before all others, and of both the longest due
	// first. Its cost does not grow with the number of jobs.
	// Records that can't be read do not hide the others, which are returned beside
	// ErrRecord.
	Due(ctx context.Context, now time.Time, limit int) ([]*Job, error)
	// Ready returns an error if the store can't be written to now, as far as that can
	// be told without a change: for a readiness probe. It changes nothing, and costs
	// no more than a Get or an Update.
	Ready(ctx context.Context) error
	// Organizations returns the ids of organizations that sort after the given one, in
	// the order of their bytes: at most limit of them, which is 1 to MaxPage. Every
	// organization that has a job is among them, and some may be whose jobs were all
	// deleted. Its cost grows with the organizations, and not with their jobs.
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

// PageSize is how many jobs a page has: Limit, within its bounds.
func (q Query) PageSize() int {
	if q.Limit <= 0 {
		return DefaultPage
	}
	return min(q.Limit, MaxPage)
}
