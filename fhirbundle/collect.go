package fhirbundle

import "strconv"

// collector keeps a bounded list of issues and what is needed of the others.
type collector struct {
	severity *severities
	lines    bool // entries are lines: their errors are not the payload's
	max      int  // of both lists together
	errors   []listed
	warnings []listed // all that is no error
	count    int64    // of issues that were listed, even if they had to go
	more     int64    // issues that are not listed
	first    *Issue   // the error to show
	rank     uint8    // of first

	line struct { // that is being read, where entries are lines
		issues int
		failed bool // one of them is an error
	}

	outer  *collector // of the Bundle around this one, which takes over the issues; or nil
	failed bool       // an error was only counted
}

// listed is an issue and when it was found.
type listed struct {
	Issue
	at int64
}

// add takes an issue in. The error to show is listed in any case.
func (c *collector) add(r rule, is Issue) {
	c.line.issues++
	c.line.failed = c.line.failed || is.Severity == SeverityError
	rank := rules[r].rank
	shown := is.Severity == SeverityError && (is.Entry == nil || !c.lines) &&
		(c.first == nil || before(rank, &is, c.rank, c.first))
	if shown {
		copied := is
		c.first, c.rank = &copied, rank
	}
	if len(c.errors)+len(c.warnings) >= c.max {
		c.more++
		switch {
		case is.Severity == SeverityError && len(c.warnings) > 0: // errors go before warnings
			c.warnings = c.warnings[:len(c.warnings)-1]
		case shown:
			c.errors = c.errors[:c.max-1]
		default:
			return
		}
	}
	list := &c.warnings
	if is.Severity == SeverityError {
		list = &c.errors
	}
	*list = append(*list, listed{is, c.count})
	c.count++
}

// issues are those that are listed, as they were found.
func (c *collector) issues() []Issue {
	var all []Issue
	w := c.warnings
	for _, e := range c.errors {
		for len(w) > 0 && w[0].at < e.at {
			all, w = append(all, w[0].Issue), w[1:]
		}
		all = append(all, e.Issue)
	}
	for _, is := range w {
		all = append(all, is.Issue)
	}
	return all
}

// full reports whether an issue would only be counted. A line lists as many as a
// report, and its first error in any case.
func (c *collector) full(r rule, s Severity) bool {
	if c.lines {
		return c.line.issues >= c.max && (s != SeverityError || c.line.failed)
	}
	if c.outer != nil && c.outer.full(r, s) {
		return true
	}
	if len(c.errors)+len(c.warnings) < c.max {
		return false
	}
	return s != SeverityError || len(c.warnings) == 0 && c.first != nil && c.rank <= rules[r].rank
}

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
