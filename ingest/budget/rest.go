package budget

import "time"

// rest leaves the machine to the work that is waiting, while the worker is behind. A turn
// is followed by a rest of restBehind times its length, so that requests get a fifth of
// the time.
//
// A rest begins after a turn of an organization that has more requests waiting, or while
// many organizations have. Another organization's only request does not wait for its end,
// and extends it by the time that it takes itself.
type rest struct {
	until time.Time
	of    string // the organization with whose turn it began
}

const (
	restBehind = 4
	maxRest    = time.Second // after one turn
	few        = 4           // organizations; while no more than these wait, an only request starts no rest
)

// allows reports whether the first request in a line may have its turn now. waiting counts
// the organizations with requests in line.
func (r *rest) allows(l *line, waiting int, now time.Time) bool {
	return !now.Before(r.until) || waiting <= few && len(l.waiting) == 1 && l.organization != r.of
}

// begin notes a turn that ended now and took so long, of an organization that has to rest.
func (r *rest) begin(organization string, took time.Duration, now time.Time) {
	if until := now.Add(min(restBehind*took, maxRest)); until.After(r.until) {
		r.until, r.of = until, organization
	}
}

// lengthen notes a turn that needs no rest of its own.
func (r *rest) lengthen(took time.Duration) { r.until = r.until.Add(min(took, maxRest)) }
