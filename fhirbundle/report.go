package fhirbundle

import (
	"strconv"
	"strings"
)

// Issue is one finding. It holds nothing of the payload's values.
type Issue struct {
	// Code of the rule; stable. See [Rules].
	Code string `json:"code"`
	// Severity as judged at the reader's level.
	Severity Severity `json:"severity"`
	// Message says what is wrong and what is allowed.
	Message string `json:"message"`
	// Path is FHIRPath-like, for example Bundle.entry[3].resource; it names
	// only elements that FHIR defines at that place.
	Path string `json:"path,omitempty"`
	// Entry is the index of the entry or of the line that is not blank, from
	// 0, or nil where the finding is not inside one.
	Entry *int64 `json:"entry,omitempty"`
	// Line from 1; 0 where it is not known.
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

// Report is what was learnt about a payload.
type Report struct {
	// Format as read.
	Format Format
	// BundleType is Bundle.type where it is a type that FHIR defines.
	BundleType string
	// Entries of the Bundle, or lines that are not blank.
	Entries int64
	// Resources that could be handed on, in all and by [Entry.Type]. A resource
	// without a type, which a Bundle may hold at level [LevelLenient], is in Resources
	// alone; those of types that no version of FHIR defines are counted together,
	// as [OtherType].
	Resources      int64
	ResourceCounts map[string]int64
	// Rejected NDJSON lines; BlankLines that were skipped.
	Rejected   int64
	BlankLines int64
	// Bytes read, a byte order mark included. After io.EOF it is the payload's
	// length (after the position that was resumed at), so that a caller can
	// tell a payload that was cut from one that is whole.
	Bytes int64
	// Issues in the order in which they were found, at most
	// [Options.MaxIssues]; MoreIssues were found and are not listed. Errors go
	// before warnings where there is no room, and the one that [Report.Err]
	// shows is always listed.
	Issues     []Issue
	MoreIssues int64
}

// Err is nil if the payload can be taken: if no issue is an error. For NDJSON
// only what concerns the whole file counts, not single lines.
func (r *Report) Err() error {
	if f := r.firstError(); f != nil {
		return &InvalidError{Issues: r.Issues, First: *f}
	}
	return nil
}

// firstError is nil or the error to show. It is found by what a report holds
// in public, so that one that was stored and read again judges as before.
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

// before says whether an error goes before another one: by rank, and of the
// same rank the one of an earlier entry, since entries may be judged after
// others that stand after them.
func before(rank uint8, is *Issue, otherRank uint8, other *Issue) bool {
	if rank != otherRank || is.Entry == nil || other.Entry == nil {
		return rank < otherRank
	}
	return *is.Entry < *other.Entry
}

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

// report completes an issue of a rule and collects it.
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

// entryIssue reports an issue of the entry that is being read, which starts at
// win.pos; at counts from there. A message is one about "Entry n"; without it
// the rule's is taken. Of a Bundle's entries only the issues that are listed in
// the report are written out: what an attacker could multiply stays cheap.
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

// passOver reports whether an issue of the entry that is being read is not to be
// written out: because its rule is not reported, or because it is only counted.
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

// severityOf returns the severity of an issue of the entry that is being read. A line
// needs a resourceType whatever the level; a resource inside its resource does not.
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

// linePath is the path of a member of a resource that no Bundle holds.
func linePath(member string) string {
	return "Resource" + strings.TrimPrefix(member, "resource")
}
