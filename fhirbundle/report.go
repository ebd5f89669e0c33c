package fhirbundle

import (
	"strconv"
	"strings"
)

// Report returns what is known so far. It is complete once Next has returned io.EOF or
// an error that matches [ErrInvalid]. The report is the caller's.
func (r *Reader) Report() *Report {
	rep := &Report{
		Format:         r.opts.format,
		BundleType:     r.bundle.kind,
		Entries:        r.entries - r.skipped,
		Resources:      r.counts.all,
		ResourceCounts: r.counts.byType(),
		Rejected:       r.rejected,
		BlankLines:     r.blankLines,
		Bytes:          r.input.Offset() - r.startOffset,
		Issues:         r.collected.issues(),
		MoreIssues:     r.collected.more,
	}
	return rep
}

// Issue is one finding. It has no values from the payload.
type Issue struct {
	// Code of the rule; stable. See [Rules].
	Code string `json:"code"`
	// Severity at the reader's level.
	Severity Severity `json:"severity"`
	// Message says what is wrong, and what is allowed.
	Message string `json:"message"`
	// Path is FHIRPath-like, for example Bundle.entry[3].resource; it names
	// only elements that FHIR defines at that place.
	Path string `json:"path,omitempty"`
	// Entry is the index, from 0, of the entry or of the line (blank lines don't count),
	// or nil if the finding is not inside one.
	Entry *int64 `json:"entry,omitempty"`
	// Line from 1, or 0 if it is unknown.
	Line int64 `json:"line,omitempty"`
	// Offset in bytes from the start of the document.
	Offset int64 `json:"offset"`
}

func hasError(issues []Issue) bool {
	for i := range issues {
		if issues[i].Severity == SeverityError {
			return true
		}
	}
	return false
}

// Report describes a payload.
type Report struct {
	// Format of the payload.
	Format Format
	// BundleType is Bundle.type, if FHIR defines it.
	BundleType string
	// Entries is the number of entries of the Bundle, or of lines that are not blank.
	Entries int64
	// Resources is the number of resources that can be used, and ResourceCounts has it by
	// [Entry.Type]. A resource without a type, which is only a warning in a Bundle at
	// [LevelLenient], counts in Resources alone. Types that no version of FHIR defines
	// count as [OtherType].
	Resources      int64
	ResourceCounts map[string]int64
	// Rejected is the number of NDJSON lines with an error, BlankLines of lines skipped.
	Rejected   int64
	BlankLines int64
	// Bytes is the number of bytes read, including a byte order mark. At io.EOF it is the
	// length of the payload, or of the rest after the position resumed at. Compare it with
	// the length that was promised to detect a truncated payload.
	Bytes int64
	// Issues lists at most [Options.MaxIssues] issues in the order in which they were
	// found; MoreIssues counts the others. Errors displace warnings, and the error that
	// [Report.Err] shows is always listed.
	Issues     []Issue
	MoreIssues int64
}

// Err returns nil if the payload can be accepted: no issue is an error. For NDJSON only
// issues of the whole file count, not those of single lines. Otherwise the error is an
// [*InvalidError].
func (r *Report) Err() error {
	if f := r.firstError(); f != nil {
		return &InvalidError{Issues: r.Issues, First: *f}
	}
	return nil
}

// firstError returns the error to show, or nil. It uses only exported fields, so that a
// report that was stored and read again gives the same answer.
func (r *Report) firstError() *Issue {
	var found *Issue
	var rank uint8
	for i := range r.Issues {
		is := &r.Issues[i]
		if is.Severity != SeverityError || r.Format == FormatNDJSON && is.Entry != nil {
			continue
		}
		ru, ok := ruleOf(is.Code)
		if !ok {
			ru.rank = ^uint8(0)
		}
		if found == nil || before(ru.rank, is, rank, found) {
			found, rank = is, ru.rank
		}
	}
	return found
}

// before reports whether an error is shown rather than another one: the one of lower
// rank, or, if they have the same rank, the one of an earlier entry. Some entries are
// checked after later ones.
func before(rank uint8, is *Issue, otherRank uint8, other *Issue) bool {
	if rank != otherRank || is.Entry == nil || other.Entry == nil {
		return rank < otherRank
	}
	return *is.Entry < *other.Entry
}

// collector collects a limited number of issues, and counts the others.
type collector struct {
	severity *severities
	lines    bool // entries are lines, whose errors are not errors of the payload
	max      int  // of both lists together
	errors   []listed
	warnings []listed // all that are not errors
	count    int64    // of issues that were listed, even if displaced later
	more     int64    // issues that are not listed
	first    *Issue   // the error to show
	rank     uint8    // of first

	line struct { // the current line, if entries are lines
		issues int
		failed bool // one of them is an error
	}

	outer  *collector // of the Bundle around this one, which adopts the issues, or nil
	failed bool       // an error was counted and not listed
}

// listed is an issue and its number.
type listed struct {
	Issue
	at int64
}

// add adds an issue. The error to show is always listed.
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

// issues returns the listed issues in the order in which they were found.
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

// full reports whether an issue would only be counted. A line may list as many issues as
// a report, and its first error in any case.
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

// entryPath returns the path of an entry of the Bundle, or of a member of it.
func entryPath(index int64, member string) string {
	p := append(make([]byte, 0, 40), "Bundle.entry["...)
	p = strconv.AppendInt(p, index, 10)
	p = append(p, ']')
	if member != "" {
		p = append(append(p, '.'), member...)
	}
	return string(p)
}

// addIssue completes an issue of a rule and collects it.
func (r *Reader) addIssue(ru rule, is Issue) Issue {
	is.Code = rules[ru].Code
	if is.Severity == "" {
		is.Severity = r.collected.severity.of[ru]
	}
	if is.Severity == SeverityNone {
		return is
	}
	if is.Message == "" {
		is.Message = rules[ru].Message
	}
	r.collected.add(ru, is)
	return is
}

// entryIssue reports an issue of the current entry, which starts at input.Pos; at counts
// from there. A message follows "Entry n"; if it is empty, the rule's message is used.
// Issues that the report doesn't list are only counted, so that a payload can't make
// them expensive.
func (r *Reader) entryIssue(ru rule, at int, member, message string) {
	if r.suppressed(ru) {
		return
	}
	index := r.entries
	is := Issue{
		Severity: r.severityOf(ru),
		Entry:    &index,
		Line:     r.input.LineAt(r.input.Pos+at) + 1,
		Offset:   r.input.Offset() + int64(at),
	}
	if message != "" {
		is.Message = entryMessage(index, message)
	}
	if r.opts.format != FormatBundle {
		is.Path = linePath(member)
	} else {
		is.Path = entryPath(index, member)
	}
	r.issues = append(r.issues, r.addIssue(ru, is))
}

// suppressed reports whether an issue of the current entry is not listed, because its
// rule is off or because there is no room. It counts it in the second case.
func (r *Reader) suppressed(ru rule) bool {
	s := r.severityOf(ru)
	if s == SeverityNone {
		return true
	}
	if !r.collected.full(ru, s) {
		return false
	}
	r.collected.more++
	if s == SeverityError {
		r.entry.failed, r.collected.failed = true, true
	}
	return true
}

// severityOf returns the severity of an issue of the current entry. A line needs a
// resourceType at every level; a resource inside its resource does not.
func (r *Reader) severityOf(ru rule) Severity {
	s := r.collected.severity.of[ru]
	if ru == fhirResourceType && len(r.inner.trail) > 0 && r.opts.format != FormatBundle && !r.opts.strict {
		if _, changed := r.opts.changed[rules[ru].Code]; !changed {
			return SeverityWarning
		}
	}
	return s
}

func entryMessage(index int64, what string) string {
	return "Entry " + strconv.FormatInt(index, 10) + " " + what
}

// linePath returns the path of a member of a resource that is not in a Bundle.
func linePath(member string) string {
	return "Resource" + strings.TrimPrefix(member, "resource")
}
