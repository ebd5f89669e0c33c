package budget

// pool is a limited resource shared by organizations. The Budget's mutex guards it.
type pool struct {
	reason string // of its refusals
	unit   string // quota unit of the RateLimit draft; empty means requests
	limit  int64
	each   int64 // limit per organization; 0: as much as is free
	used   int64
	of     map[string]int64 // use by organization
}

func newPool(reason, unit string, limit, each int64) *pool {
	return &pool{reason: reason, unit: unit, limit: limit, each: each, of: map[string]int64{}}
}

// verdict is whether a request fits in a pool.
type verdict int

const (
	fits      verdict = iota
	overShare         // over the organization's share
	full
)

// charge returns n, or the limit if n is larger.
func (p *pool) charge(n int64) int64 {
	if p.each > 0 {
		return min(n, p.each)
	}
	return min(n, p.limit)
}

// fits returns whether an organization can take n more.
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

// take gives n to an organization; a negative n takes them back.
func (p *pool) take(organization string, n int64) {
	p.used += n
	if p.of[organization] += n; p.of[organization] == 0 {
		delete(p.of, organization)
	}
}

// share returns the most that an organization can have while no other has any.
func (p *pool) share() int64 {
	if p.each > 0 {
		return p.each
	}
	return max(1, p.limit/2)
}

// left returns how much an organization can still take.
func (p *pool) left(organization string) int64 {
	if p.each > 0 {
		return max(0, min(p.each-p.of[organization], p.limit-p.used))
	}
	return max(0, (p.limit-p.used-p.of[organization])/2)
}
