package fhirbundle

import "strconv"

// collector keeps a bounded list of issues and what is needed of the others.
type collector struct {
	level    Level
	lines    bool // entries are lines: their errors are not the payload's
	max      int
	issues   []Issue
	warnings int    // among issues
	more     int64  // not among issues
	first    *Issue // the error to show
	rank     uint8  // of first
}

// add takes an issue in. The error to show is listed in any case.
func (c *collector) add(r rule, is Issue) {
	rank := rules[r].rank
	shown := is.Severity == Error && (is.Entry == nil || !c.lines) &&
		(c.first == nil || before(rank, &is, c.rank, c.first))
	if shown {
		copied := is
		c.first, c.rank = &copied, rank
	}
	switch {
	case len(c.issues) < c.max:
	case is.Severity == Error && c.warnings > 0:
		c.dropWarning()
	case shown: // all others are errors: the last one goes
		c.issues = c.issues[:c.max-1]
		c.more++
	default:
		c.more++
		return
	}
	if is.Severity != Error {
		c.warnings++
	}
	c.issues = append(c.issues, is)
}

// dropWarning makes room by letting the last warning go.
func (c *collector) dropWarning() {
	for i := len(c.issues) - 1; i >= 0; i-- {
		if c.issues[i].Severity != Error {
			c.issues = append(c.issues[:i], c.issues[i+1:]...)
			c.warnings--
			c.more++
			return
		}
	}
}

// full says that an issue would only be counted.
func (c *collector) full(r rule, s Severity) bool {
	if len(c.issues) < c.max {
		return false
	}
	return s != Error || c.warnings == 0 && c.first != nil && c.rank <= rules[r].rank
}

func (c *collector) severity(r rule) Severity { return rules[r].Severity(c.level) }

// entryPath is the path of an entry of the Bundle, and of one of its members.
func entryPath(index int64, member string) string {
	p := append(make([]byte, 0, 40), "Bundle.entry["...)
	p = strconv.AppendInt(p, index, 10)
	p = append(p, ']')
	if member != "" {
		p = append(append(p, '.'), member...)
	}
	return string(p)
}
