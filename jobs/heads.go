package jobs

import "context"

// Scheduler is what a [Store] may be besides: one that tells which jobs are next,
// however many there are. Package ingest shares its workers fairly between
// organizations where the store is one, and needs one to keep an order.
type Scheduler interface {
	// Heads returns the oldest jobs of each organization, as the query says, as
	// last written: a write that was acknowledged before Heads began is seen. They
	// are in order of the organization's id, byte by byte, then of CreatedAt, then
	// of ID. Its cost grows with the organizations that are returned and with the
	// jobs that are being processed, and with no others. Records that
	// can't be read do not hide the others, which are returned beside ErrRecord.
	Heads(ctx context.Context, q HeadsQuery) ([]*Job, error)
}

// HeadsQuery says which heads are asked for.
type HeadsQuery struct {
	// Standing of the jobs. The zero value is Unfinished.
	Standing Standing
	// OrganizationID asks for this organization alone; empty means all.
	OrganizationID string
	// After asks for the organizations whose id comes behind this one; empty
	// means from the first. Without meaning beside OrganizationID.
	After string
	// Organizations that are returned at most. 0 means DefaultPage; at most
	// MaxPage.
	Organizations int
	// PerOrganization is how many jobs of each there are at most. 0 means 1; at
	// most MaxPage.
	PerOrganization int
}

// Bounds are Organizations and PerOrganization, within their bounds.
func (q HeadsQuery) Bounds() (organizations, perOrganization int) {
	organizations, perOrganization = q.Organizations, q.PerOrganization
	if organizations <= 0 {
		organizations = DefaultPage
	}
	if perOrganization <= 0 {
		perOrganization = 1
	}
	return min(organizations, MaxPage), min(perOrganization, MaxPage)
}

// Standing is which jobs stand in an organization's line.
type Standing int

const (
	// Unfinished jobs are accepted or processing.
	Unfinished Standing = iota
	// Waiting jobs are accepted, a back-off that is not over included.
	Waiting
	// Unsettled jobs are unfinished, or failed after work on them had begun: what
	// was refused before that, such as an upload that was not what had been
	// promised, never stood in the line. An organization that has nothing but
	// failed jobs has no heads.
	Unsettled
)

// Has reports whether a job is of this standing.
func (s Standing) Has(j *Job) bool {
	switch j.State {
	case Accepted:
		return true
	case Processing:
		return s != Waiting
	case Failed:
		return s == Unsettled && !j.StartedAt.IsZero()
	}
	return false
}
