package budget

// pool is a bounded resource, shared by organizations. The Budget's lock guards it.
type pool struct {
	reason string // of its refusals
	unit   string // of the draft's registry; empty is requests
	limit  int64
	each   int64 // for one organization; 0: as much as is free
	used   int64
	of     map[string]int64 // by organization, where not 0
}

func newPool(reason, unit string, limit, each int64) *pool {
	return &pool{reason: reason, unit: unit, limit: limit, each: each, of: map[string]int64{}}
}

// verdict is what a pool says to a request.
type verdict int

const (
	fits      verdict = iota
	overShare         // of the organization
	full
)

// charge returns what a request for n counts as: a request for more than the limit counts
// as the limit.
func (p *pool) charge(n int64) int64 {
	if p.each > 0 {
		return min(n, p.each)
	}
	return min(n, p.limit)
}

// fits returns whether an organization can have n more.
func (p *pool) fits(organization string, n int64) verdict {
	free, mine := p.limit-p.used-n, p.of[organization]
	switch {
	case n == 0:
		return fits
	case mine > 0 && p.each == 0 && mine+n > free && free >= 0, p.each > 0 && mine+n > p.each:
		return overShare
	case free < 0:
		return full
	}
	return fits
}

// take gives n to an organization, or takes them back if n is negative.
func (p *pool) take(organization string, n int64) {
	p.used += n
	if p.of[organization] += n; p.of[organization] == 0 {
		delete(p.of, organization)
	}
}

// share is the most that an organization can have while no other has any.
func (p *pool) share() int64 {
	if p.each > 0 {
		return p.each
	}
	return max(1, p.limit/2)
}

// left is what an organization could still have.
func (p *pool) left(organization string) int64 {
	if p.each > 0 {
		return max(0, min(p.each-p.of[organization], p.limit-p.used))
	}
	return max(0, (p.limit-p.used-p.of[organization])/2)
}
