package fhirbundle

import (
	"bytes"
	"io"
	"slices"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// bundleState is what was seen of the Bundle itself.
type bundleState struct {
	resourceType seenText
	typ          seenText
	kind         string // typ where it is one that FHIR defines
	in           kinds  // the same as a set; empty where the version has no such type
	has          uint16 // a bit for each member that is known, but for otherMember
	entry        seenAt
	notArray     bool // the member entry is something else
	notObject    bool // so is the document

	first      string // type of the first entry's resource
	identified bool   // by an identifier with a system and a value
	timed      bool   // by a timestamp
	selfLink   bool
	link       seenAt // the links, or the first that is there twice
	linkTwice  int64  // where that is among them, or -1
	severe     bool   // an issue is worse than a warning
	total      seenAt
	issues     seenAt
}

// seenText is a member of the Bundle that should be a word.
type seenText struct {
	seenAt
	word string // as resourceWord and bundleWord return it
}

var bom = []byte("\xef\xbb\xbf")

// start reads to the first byte of the document.
func (r *Reader) start() {
	w := &r.win
	for len(w.Buf)-w.Pos < foreignBytes && w.Fill() {
	}
	if rest := w.Buf[w.Pos:]; len(rest) < len(bom) && w.Err != io.EOF && bytes.HasPrefix(bom, rest) {
		r.failRead(scan.BadEnd) // what there is may be half of a mark
		return
	}
	if bytes.HasPrefix(w.Buf[w.Pos:], bom) {
		r.report(jsonBOM, Issue{Line: 1})
		w.Pos += len(bom)
	}
	if f := foreign(w.Buf[w.Pos:]); f != scan.OK {
		r.fail(f, w.Pos, "")
		return
	}
	if r.opts.format == FormatNDJSON {
		r.state = atLine
		return
	}
	c, ok := w.Peek()
	switch {
	case !ok && w.Err == io.EOF:
		r.report(bodyEmpty, Issue{Line: 1})
		r.err = r.Report().Err()
	case !ok:
		r.failRead(scan.BadEnd)
	case c == '<':
		r.fail(scan.IsXML, w.Pos, "")
	case r.opts.format == FormatResource:
		r.state = atDocument
	case c == '{':
		w.Pos++
		r.openBundle()
		r.state = atMember
	default:
		at, line := w.Offset(), w.LineAt(w.Pos)+1
		if end, ok := r.unit(0, scan.MarkNothing); ok {
			r.report(bundleResourceType, Issue{Message: "Expected resourceType 'Bundle', got " + jsonKind(c), Line: line, Offset: at})
			r.bundle.notObject = true
			r.win.Pos = end
			r.state = atTail
		}
	}
}

// openBundle makes the scanner's bottom object the Bundle, whose names have to
// outlive what they were read from.
func (r *Reader) openBundle() {
	r.scan.OpenObject()
}

// member reads a name, its colon, and its value, unless that is Bundle.entry.
func (r *Reader) member() {
	w := &r.win
	c, ok := w.Peek()
	if !ok {
		r.failRead(scan.BadEnd)
		return
	}
	if c == '}' && r.scan.OpenNames() == 0 && r.bundle.has == 0 {
		w.Pos++
		r.state = atTail
		return
	}
	if c != '"' {
		r.fail(scan.FaultAt(c, scan.BadName), w.Pos, "Bundle")
		return
	}
	end, ok := r.bundleText()
	if !ok {
		return
	}
	at := w.Pos
	text := w.Buf[at+1 : end-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		r.texts[0] = scan.Unescape(r.texts[0][:0], text)
		text = r.texts[0]
	}
	what := memberOf(text)
	if f := r.admitMember(what, text); f != scan.OK {
		r.fail(f, at, "Bundle")
		return
	}
	w.Pos = end
	if c, ok = w.Peek(); !ok {
		r.failRead(scan.BadEnd)
		return
	}
	if c != ':' {
		r.fail(scan.FaultAt(c, scan.BadColon), w.Pos, "Bundle")
		return
	}
	w.Pos++
	if c, ok = w.Peek(); !ok {
		r.failRead(scan.BadEnd)
		return
	}
	if what == bundleEntry {
		r.bundle.entry = r.here()
		if c == '[' {
			if r.opts.maxDepth < 2 {
				r.fail(scan.TooDeep, w.Pos, "Bundle.entry")
				return
			}
			w.Pos++
			r.state = atFirstEntry
			return
		}
	}
	r.memberValue(what)
}

// memberValue reads the value of a member of the Bundle.
func (r *Reader) memberValue(what member) {
	w := &r.win
	var end int
	var ok bool
	if w.Buf[w.Pos] == '"' {
		end, ok = r.bundleText()
	} else {
		end, ok = r.unit(1, scan.MarkNothing)
	}
	if !ok {
		return
	}
	value := w.Buf[w.Pos:end]
	var text []byte
	if value[0] == '"' {
		text = value[1 : len(value)-1]
		if bytes.IndexByte(text, '\\') >= 0 {
			r.texts[0] = scan.Unescape(r.texts[0][:0], text)
			text = r.texts[0]
		}
	}
	if what == typeMember || what == resourceTypeMember {
		seen := seenText{seenAt: r.here()}
		if what == resourceTypeMember {
			seen.word = resourceWord(text)
			r.bundle.resourceType = seen
		} else {
			r.bundle.kind = knownType(text)
			r.bundle.in = r.opts.version.kind(r.bundle.kind)
			seen.word = bundleWord(text)
			r.bundle.typ = seen
		}
	}
	if what == bundleEntry {
		r.bundle.notArray = true
		r.report(bundleEntryArray, Issue{Path: "Bundle.entry", Line: r.lineOf(r.bundle.entry), Offset: r.bundle.entry.offset})
	} else {
		r.memberFindings()
		r.readMember(what, value)
	}
	w.Pos = end
	r.state = atMemberEnd
}

// memberFindings reports what the scanner found in a member of the Bundle.
func (r *Reader) memberFindings() {
	for _, f := range r.scan.Findings {
		r.report(ruleOfKind[f.Kind], Issue{
			Path: "Bundle", Line: r.win.LineAt(r.win.Pos+f.At) + 1, Offset: r.win.Offset() + int64(f.At),
		})
	}
	r.col.more += r.scan.Lost
}

func (r *Reader) memberEnd() {
	w := &r.win
	c, ok := w.Peek()
	switch {
	case !ok:
		r.failRead(scan.BadEnd)
	case c == ',':
		w.Pos++
		r.state = atMember
	case c == '}':
		w.Pos++
		r.state = atTail
	default:
		r.fail(scan.FaultAt(c, scan.BadObject), w.Pos, "Bundle")
	}
}

// tail reads to the end, and judges the whole.
func (r *Reader) tail() {
	w := &r.win
	c, ok := w.Peek()
	if ok {
		r.fail(scan.FaultAt(c, scan.BadTail), w.Pos, "")
		return
	}
	if w.Err != io.EOF {
		r.failRead(scan.BadEnd)
		return
	}
	if !r.resumed && r.opts.format == FormatBundle {
		r.judgeBundle()
	}
	r.err = io.EOF
}

// judgeBundle judges what is known at the end of a Bundle only.
func (r *Reader) judgeBundle() {
	b := &r.bundle
	if b.notObject {
		return
	}
	isBundle := b.resourceType.word == "Bundle"
	if !isBundle {
		got := "no resourceType"
		if b.resourceType.seen {
			got = quotable(b.resourceType, "'")
		}
		r.report(bundleResourceType, Issue{
			Message: "Expected resourceType 'Bundle', got " + got,
			Path:    "Bundle", Line: r.lineOf(b.resourceType.seenAt), Offset: b.resourceType.offset,
		})
	}
	// Of another resource only what it says of itself as a Bundle is judged.
	other := !isBundle && b.resourceType.word != ""
	if !r.accepts(b.kind) && (b.typ.seen || !other) {
		got := "none"
		if b.typ.seen {
			got = quotable(b.typ, "")
		}
		r.report(bundleType, Issue{
			Message: "Unsupported bundle type: " + got,
			Path:    "Bundle.type", Line: r.lineOf(b.typ.seenAt), Offset: b.typ.offset,
		})
	}
	if r.entries == 0 && b.entry.seen && !b.notArray {
		r.report(fhirEmptyArray, Issue{Path: "Bundle.entry", Line: r.lineOf(b.entry), Offset: b.entry.offset})
	}
	if r.opts.needEntries && r.entries == 0 && !b.notArray && (b.entry.seen || !other) {
		r.report(bundleNoEntries, Issue{Path: "Bundle.entry", Line: r.lineOf(b.entry), Offset: b.entry.offset})
	}
	r.judgeLate()
	if isBundle || !other {
		r.judgeMembers()
	}
	r.judgeRefs()
}

func (r *Reader) accepts(kind string) bool {
	if len(r.opts.types) == 0 {
		return r.bundle.in != 0
	}
	return kind != "" && slices.Contains(r.opts.types, kind)
}

// jsonKind names the kind of value that starts with c.
func jsonKind(c byte) string {
	switch c {
	case '[':
		return "a JSON array"
	case '"':
		return "a JSON string"
	case 't', 'f':
		return "a JSON boolean"
	case 'n':
		return "JSON null"
	}
	return "a JSON number"
}
