package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// Entry is one entry of a Bundle, or one line of an NDJSON file. Its slices alias the
// reader's buffer: they may be read, not written, until the next call of [Reader.Next].
type Entry struct {
	// Index is the entry's index in Bundle.entry, or among the lines that are not blank,
	// from 0.
	Index int64
	// Offset is where the entry starts (its opening brace, or its line), in bytes from the
	// start of the document. Size is its length in bytes.
	Offset int64
	Size   int64

	// Resource is the resource as in the document, byte for byte, or nil if the entry has
	// none. ResourceOffset is where it starts, in bytes from the start of the document.
	Resource       []byte
	ResourceOffset int64
	// Type is the resource's resourceType. It is [OtherType] if no version of FHIR defines
	// it, and empty if it is missing or can't be the name of a type. The string is shared
	// between entries, not allocated for each.
	Type string
	// ID is Resource.id, unescaped, or nil.
	ID []byte
	// FullURL is Bundle.entry.fullUrl, unescaped, or nil.
	FullURL []byte
	// Request is the object Bundle.entry.request as in the document, or nil.
	Request []byte
	// Method and URL are Bundle.entry.request.method and .url, unescaped.
	Method string
	URL    []byte

	// Issues of this entry. A line lists at most [Options.MaxIssues], and always its first
	// error. An entry of a Bundle lists those that the report has room for, but
	// [Entry.Rejected] knows of all. Don't use a line with an error: its Resource is nil
	// if it is not JSON.
	Issues []Issue

	failed bool // an error is not listed in Issues
	line   int64
	win    *scan.Input
}

// Line returns the line on which the entry starts, from 1. In a payload in memory, lines
// are counted on demand.
func (e *Entry) Line() int64 {
	if e.win == nil {
		return e.line
	}
	return e.win.LineOf(e.line, e.Offset)
}

// Rejected reports whether an issue of the entry is an error.
func (e *Entry) Rejected() bool { return e.failed || hasError(e.Issues) }

// Members of an entry, its resource and its request whose positions are needed.
const (
	placeNone scan.Place = iota
	placeFullURL
	placeResource
	placeRequest
	placeResponse
	placeSearch
	placeResourceType
	placeID
	placeMeta
	placeContained
	placeMethod
	placeURL
	placeIfNoneExist
)

// Sections of an entry. A resource that no Bundle holds is resourceSection by itself.
const (
	sectionEntry scan.Section = iota
	sectionResource
	sectionRequest
)

var (
	basicNames = []scan.Member{
		{Text: "fullUrl", At: [...]scan.Place{sectionEntry: placeFullURL, sectionRequest: 0}},
		{Text: "resource", At: [...]scan.Place{sectionEntry: placeResource, sectionRequest: 0}, Opens: sectionResource},
		{Text: "request", At: [...]scan.Place{sectionEntry: placeRequest, sectionRequest: 0}, Opens: sectionRequest},
		{Text: "response", At: [...]scan.Place{sectionEntry: placeResponse, sectionRequest: 0}},
		{Text: "resourceType", At: [...]scan.Place{sectionResource: placeResourceType, sectionRequest: 0}},
		{Text: "id", At: [...]scan.Place{sectionResource: placeID, sectionRequest: 0}},
		{Text: "method", At: [...]scan.Place{sectionRequest: placeMethod}},
		{Text: "url", At: [...]scan.Place{sectionRequest: placeURL}},
	}
	// basicTable is for LevelBasic, wholeTable for the other levels.
	basicTable = scan.NewTable(basicNames...)
	wholeTable = scan.NewTable(append([]scan.Member{
		{Text: "search", At: [...]scan.Place{sectionEntry: placeSearch, sectionRequest: 0}},
		{Text: "meta", At: [...]scan.Place{sectionResource: placeMeta, sectionRequest: 0}},
		{Text: "contained", At: [...]scan.Place{sectionResource: placeContained, sectionRequest: 0}},
		{Text: "ifNoneExist", At: [...]scan.Place{sectionRequest: placeIfNoneExist}},
		{Text: "reference", Deep: true},
		{Text: "fhir_comments", Comment: true},
	}, basicNames...)...)
)

// nextEntry reads the next entry of the Bundle into r.entry. It returns false if there
// is none, or if reading has ended.
func (r *Reader) nextEntry() bool {
	w := &r.input
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
	end, ok := r.scanValue(2, scan.MarkOuter)
	if !ok {
		return false
	}
	data := w.Buf[w.Pos:end:end]
	r.beginEntry(line, int64(len(data)))
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

// beginEntry resets r.entry for an entry or a line that starts at input.Pos.
func (r *Reader) beginEntry(line, size int64) {
	r.issues = r.issues[:0]
	for k := range r.texts {
		r.texts[k] = r.texts[k][:0]
	}
	r.typeText = nil
	r.collected.line.issues, r.collected.line.failed = 0, false
	r.entry = Entry{Index: r.entries, Offset: r.input.Offset(), Size: size, line: line, win: &r.input}
}

// readEntry fills r.entry from an entry that was scanned, and checks it.
func (r *Reader) readEntry(data []byte) {
	e, m := &r.entry, &r.scan.Marks
	r.entryData = data
	var f facts
	if at := m.Value(data, placeResource); at >= 0 {
		f |= hasResource
		if data[at] == '{' {
			end := m.End(placeResource)
			e.Resource, e.ResourceOffset = data[at:end:end], e.Offset+int64(at)
			typ, more := r.readResource(data, at)
			r.counts.add(typ)
			f |= more &^ refersToURN
		} else {
			r.entryIssue(entryResourceObject, at, "resource", "has a 'resource' that is not an object")
		}
	}
	if at := m.Value(data, placeRequest); at >= 0 {
		f |= hasRequest | r.readRequest(data, at)
	}
	if f |= r.readFullURL(data, f); f&isPOST != 0 && f&hasFullURL != 0 && r.mayBe(typeBatch) && r.createsResource() {
		r.recordCreated(data)
	}
	if at := m.Value(data, placeResponse); at >= 0 {
		f |= r.readResponse(data, at)
	}
	if at := m.Value(data, placeSearch); at >= 0 {
		f |= r.readSearch(data, at)
	}
	if r.mayBe(typeSearchset) {
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
			r.requireRefs(data, m.Value(data, placeResource))
		}
	}
	if len(r.cross.required.refs) > 0 {
		r.resolveRequired(data)
	}
	r.checkFacts(f)
	if !r.notCompared && (r.index.refused || r.index.lost > 0 || r.cross.incomplete(r.bundle.types)) {
		r.notCompared = true
		r.entryIssue(notChecked, 0, "", "and the entries after it were not fully compared with the others: there was no room")
	}
}

// notifies reports whether the Bundle, if it is a history, is the notification of a
// subscription, whose entries need no resources
// (http://hl7.org/fhir/R4B/subscription.html#channels-and-payloads).
func (r *Reader) notifies() bool {
	return r.bundle.first == "SubscriptionStatus" || r.bundle.first == "Parameters"
}

// readResource reads the marked members of a resource that starts at data[at], and
// checks it. It returns the type's index in counts.
func (r *Reader) readResource(data []byte, at int) (typ int, f facts) {
	e := &r.entry
	text, typeAt := r.text(data, placeResourceType, 0)
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
	if r.scan.Marks.Has(placeID) {
		text, at := r.text(data, placeID, 0)
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
		return typ, 0 // its references are to its own entries
	case r.scan.Marks.Has(placeContained) || e.Type == "Parameters":
		r.readInside(data, at)
		f = r.readRefs(data, r.inner.bundles, false)
	case len(r.scan.Marks.Deep) > 0:
		f = r.readRefs(data, nil, true)
	}
	return typ, f
}

// entryFindings reports what the scanner found in the entry.
func (r *Reader) entryFindings(data []byte) {
	if len(r.scan.Findings) == 0 {
		return // and none was lost
	}
	m := &r.scan.Marks
	for _, f := range r.scan.Findings {
		member := ""
		for _, p := range [...]scan.Place{placeResource, placeRequest} {
			if at := m.Value(data, p); at >= 0 && f.At >= at && f.At < max(m.End(p), at+1) {
				member = [...]string{placeResource: "resource", placeRequest: "request"}[p]
			}
		}
		r.entryIssue(ruleOfKind[f.Kind], f.At, member, "")
	}
	r.collected.more += r.scan.Lost
}
