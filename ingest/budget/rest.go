package budget

import "time"

// rest pauses requests while Options.Behind reports true, so that waiting work gets its
// share. After a turn there is a rest of restFactor times its length, so that requests get
// a fifth of the time.
//
// A rest starts after a turn of an organization that has more requests waiting, or while
// many organizations do. A single request of another organization does not wait for the
// end of the rest; it extends the rest by its own length.
type rest struct {
	until time.Time
	of    string // the organization whose turn started it
}

const (
	restFactor = 4
	maxRest    = time.Second // after one turn
	few        = 4           // while at most so many organizations wait, single requests start no rest
)

// allows reports whether the first request in a line may have its turn now. waiting is the
// number of organizations with waiting requests.
func (r *rest) allows(l *line, waiting int, now time.Time) bool {
	return !now.Before(r.until) || waiting <= few && len(l.waiting) == 1 && l.organization != r.of
}

// begin starts a rest after a turn of an organization that ended now.
func (r *rest) begin(organization string, took time.Duration, now time.Time) {
	if until := now.Add(min(restFactor*took, maxRest)); until.After(r.until) {
		r.until, r.of = until, organization
	}
}

// lengthen extends the current rest by a turn that starts none of its own.
func (r *rest) lengthen(took time.Duration) { r.until = r.until.Add(min(took, maxRest)) }
