package fhirbundle

import (
	"strconv"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// nextEntry reads the next entry of the Bundle into r.entry. It is false where
// there is none, or where reading has ended.
func (r *Reader) nextEntry() bool {
	w := &r.win
	r.scan.Marks.Marking = scan.MarkNothing
	c, ok := w.Peek()
	switch {
	case !ok:
		r.failRead(scan.BadEnd)
		return false
	case c == ']':
		w.Pos++
		r.state = atMemberEnd
		return false
	case r.state == atFirstEntry:
	case c != ',':
		r.fail(scan.FaultAt(c, scan.BadArray), w.Pos, "Bundle.entry")
		return false
	default:
		w.Pos++
		if c, ok = w.Peek(); !ok {
			r.failRead(scan.BadEnd)
			return false
		}
	}
	line := w.KeepLine(w.Pos)
	end, ok := r.unit(2, scan.MarkOuter)
	if !ok {
		return false
	}
	data := w.Buf[w.Pos:end:end]
	r.begin(line, int64(len(data)))
	if c == '{' {
		r.readEntry(data)
	} else {
		r.entryIssue(bundleEntryObject, 0, "", "is not an object")
	}
	r.entryFindings(data)
	r.entry.Issues = r.issues
	w.Pos = end
	r.entries++
	r.state = atEntryEnd
	r.pos = Position{Offset: w.Offset(), Entries: r.entries, Lines: w.KeepLine(end) - 1}
	return true
}

// begin empties r.entry for an entry or a line that starts at win.pos.
func (r *Reader) begin(line, size int64) {
	r.issues = r.issues[:0]
	for k := range r.texts {
		r.texts[k] = r.texts[k][:0]
	}
	r.typeText = nil
	r.col.line.issues, r.col.line.failed = 0, false
	r.entry = Entry{Index: r.entries, Offset: r.win.Offset(), Size: size, line: line, win: &r.win}
}

// readEntry fills r.entry from an entry that was scanned, and judges it.
func (r *Reader) readEntry(data []byte) {
	e, m := &r.entry, &r.scan.Marks
	r.entryData = data
	var f facts
	if at := m.Value(data, resource); at >= 0 {
		f |= hasResource
		if data[at] == '{' {
			end := m.End(resource)
			e.Resource, e.ResourceOffset = data[at:end:end], e.Offset+int64(at)
			typ, more := r.readResource(data, at)
			r.counts.add(typ)
			f |= more &^ refersToURN
		} else {
			r.entryIssue(entryResourceObject, at, "resource", "has a 'resource' that is not an object")
		}
	}
	if at := m.Value(data, request); at >= 0 {
		f |= hasRequest | r.readRequest(data, at)
	}
	if f |= r.readFullURL(data, f); f&isPOST != 0 && f&hasFullURL != 0 && r.may(batch) && r.creates() {
		r.create(data)
	}
	if at := m.Value(data, response); at >= 0 {
		f |= r.readResponse(data, at)
	}
	if at := m.Value(data, search); at >= 0 {
		f |= r.readSearch(data, at)
	}
	if r.may(searchset) {
		f |= r.readOutcome()
	}
	if f&isPATCH != 0 && e.Type != "" && e.Type != "Parameters" && e.Type != "Binary" {
		f |= oddPatch
	}
	if f&(isPOST|isPUT) != 0 && f&hasResource == 0 && !r.notifies() {
		f |= lacksBody
	}
	if r.entries == 0 {
		r.bundle.first = e.Type
		if e.Resource != nil && !r.opts.basic {
			r.want(data, m.Value(data, resource))
		}
	}
	if len(r.across.wanted.wishes) > 0 {
		r.grant(data)
	}
	r.judgeFacts(f)
	if !r.unsure && (r.index.refused || r.index.lost > 0 || r.across.short(r.bundle.in)) {
		r.unsure = true
		r.entryIssue(notChecked, 0, "", "and the entries after it were not fully compared with the others: there was no room")
	}
}

// notifies reports whether the Bundle, if it is a history, is the notification of a
// subscription, whose entries may leave out the resources
// (http://hl7.org/fhir/R4B/subscription.html#channels-and-payloads).
func (r *Reader) notifies() bool {
	return r.bundle.first == "SubscriptionStatus" || r.bundle.first == "Parameters"
}

// may reports whether the Bundle is, or may turn out to be, one of k, as far as this
// reader judges what depends on it.
func (r *Reader) may(k kinds) bool {
	return r.bundle.in&k != 0 || !r.bundle.typ.seen && !r.resumed && r.opts.format == FormatBundle
}

// readResource takes from the marks what concerns a resource that starts at
// data[at], and judges it. It returns the type's index for counting.
func (r *Reader) readResource(data []byte, at int) (typ int, f facts) {
	e := &r.entry
	text, typeAt := r.text(data, resourceType, 0)
	if e.Type, typ = r.counts.recall(text); typ >= 0 || isTypeName(text) {
		if typ < 0 {
			e.Type, typ = r.counts.lookUp(text)
		}
		r.typeText = text
		if !r.opts.basic && !r.counts.known(typ) {
			r.entryIssue(fhirUnknownType, typeAt, "resource", "")
		}
	} else {
		if typeAt < 0 {
			typeAt = at
		}
		r.entryIssue(fhirResourceType, typeAt, "resource", "")
	}
	if r.scan.Marks.Has(resourceID) {
		text, at := r.text(data, resourceID, 0)
		e.ID = text
		if !r.opts.basic && !isID(text) {
			r.entryIssue(fhirID, at, "resource.id", "")
		}
	}
	if r.opts.basic {
		return typ, 0
	}
	switch {
	case e.Type == "Bundle":
		r.readBundle(data, at)
		return typ, 0 // what it refers to is its own
	case r.scan.Marks.Has(contained) || e.Type == "Parameters":
		r.readInside(data, at)
		f = r.readRefs(data, r.inner.bundles, false)
	case len(r.scan.Marks.Deep) > 0:
		f = r.readRefs(data, nil, true)
	}
	return typ, f
}

// text returns the text of a marked member that is a string, and where its value
// starts; nil where it is no string, and -1 where there is none. Texts with
// escapes go into the reader's buffer number k.
func (r *Reader) text(data []byte, p scan.Place, k int) ([]byte, int) {
	at := r.scan.Marks.Value(data, p)
	if at < 0 || data[at] != '"' {
		return nil, at
	}
	end, plain := scan.StringEnd(data, at+1)
	text := data[at+1 : end : end]
	if !plain {
		n := len(r.texts[k])
		r.texts[k] = scan.Unescape(r.texts[k], text)
		text = r.texts[k][n:len(r.texts[k]):len(r.texts[k])]
	}
	return text, at
}

// entryFindings reports what the scanner found in the entry.
func (r *Reader) entryFindings(data []byte) {
	if len(r.scan.Findings) == 0 {
		return // and none was lost
	}
	m := &r.scan.Marks
	for _, f := range r.scan.Findings {
		member := ""
		for _, p := range [...]scan.Place{resource, request} {
			if at := m.Value(data, p); at >= 0 && f.At >= at && f.At < max(m.End(p), at+1) {
				member = [...]string{resource: "resource", request: "request"}[p]
			}
		}
		r.entryIssue(ruleOfKind[f.Kind], f.At, member, "")
	}
	r.col.more += r.scan.Lost
}

// entryIssue reports an issue of the entry that is being read, which starts at
// win.pos; at counts from there. A message is one about "Entry n"; without it
// the rule's is taken. Of a Bundle's entries only the issues that are listed in
// the report are written out: what an attacker could multiply stays cheap.
func (r *Reader) entryIssue(ru rule, at int, member, message string) {
	if r.passOver(ru) {
		return
	}
	index := r.entries
	is := Issue{
		Severity: r.severityOf(ru),
		Entry:    &index,
		Line:     r.win.LineAt(r.win.Pos+at) + 1,
		Offset:   r.win.Offset() + int64(at),
	}
	if message != "" {
		is.Message = entryMessage(index, message)
	}
	if r.opts.format != FormatBundle {
		is.Path = linePath(member)
	} else {
		is.Path = entryPath(index, member)
	}
	r.issues = append(r.issues, r.report(ru, is))
}

// passOver reports whether an issue of the entry that is being read is not to be
// written out: because its rule is not reported, or because it is only counted.
func (r *Reader) passOver(ru rule) bool {
	s := r.severityOf(ru)
	if s == SeverityNone {
		return true
	}
	if !r.col.full(ru, s) {
		return false
	}
	r.col.more++
	if s == SeverityError {
		r.entry.failed, r.col.failed = true, true
	}
	return true
}

// severityOf returns the severity of an issue of the entry that is being read. A line
// needs a resourceType whatever the level; a resource inside its resource does not.
func (r *Reader) severityOf(ru rule) Severity {
	s := r.col.severity.of[ru]
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
