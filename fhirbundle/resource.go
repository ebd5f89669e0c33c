package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// document reads the one resource of a payload of format Resource into r.entry. It is
// false where reading has ended.
func (r *Reader) document() bool {
	w := &r.win
	line := w.KeepLine(w.Pos)
	end, ok := r.unit(0, scan.MarkInner)
	if !ok {
		return false
	}
	data := w.Buf[w.Pos:end:end]
	r.begin(line, int64(len(data)))
	if data[0] == '{' {
		r.takeResource(data, 0, len(data))
	} else {
		r.entryIssue(fhirResourceType, 0, "", "")
	}
	r.entry.Issues = r.issues
	w.Pos = end
	r.entries++
	r.state = atTail
	r.pos = Position{Offset: w.Offset(), Entries: r.entries, Lines: w.KeepLine(end) - 1}
	return true
}

// takeResource fills r.entry from a resource that was scanned, and judges it as one
// that no Bundle holds. It is data[at:end]; data starts at win.pos.
func (r *Reader) takeResource(data []byte, at, end int) {
	e, value := &r.entry, data[at:]
	e.Resource, e.ResourceOffset = value[:end-at:end-at], e.Offset+int64(at)
	// Offsets in the marks count from the resource, those of issues from win.pos:
	// the window stands on the resource meanwhile.
	r.win.Pos += at
	r.entryData = value
	typ, facts := r.readResource(value, 0)
	if facts&conditional != 0 {
		r.entryIssue(refConditional, r.conditional, "resource", "")
	}
	if r.opts.format == FormatNDJSON {
		r.compareLine(value)
		if facts&refersToURN != 0 {
			r.entryIssue(refURN, r.urn, "resource", "")
		}
	}
	for _, found := range r.scan.Findings {
		r.entryIssue(ruleOfKind[found.Kind], found.At, "", "")
	}
	r.win.Pos -= at
	r.col.more += r.scan.Lost
	if !r.entry.failed && !hasError(r.issues) {
		r.counts.add(typ)
	}
}
