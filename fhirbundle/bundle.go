package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// bundleState is what was read of the Bundle itself.
type bundleState struct {
	resourceType memberText
	typ          memberText
	kind         string  // typ, if FHIR defines it
	types        typeSet // the same as a set; empty if the version of FHIR has no such type
	has          uint16  // a bit for each known member
	entry        memberAt
	notArray     bool // the member entry is not an array
	notObject    bool // the document is not an object

	first      string // the type of the first resource
	identified bool   // has an identifier with a system and a value
	timed      bool   // has a timestamp
	selfLink   bool
	link       memberAt // the links, or the first with a relation for the second time
	linkTwice  int64    // its index in the links, or -1
	severe     bool     // one of Bundle.issues is worse than a warning
	total      memberAt
	issues     memberAt
}

// memberText is a member of the Bundle that should be a word.
type memberText struct {
	memberAt
	word string // see resourceWord and bundleWord
}

// openBundle makes the Bundle the scanner's outermost object.
func (r *Reader) openBundle() {
	r.scan.OpenObject()
}

// member reads a name, its colon, and its value, unless that is the array Bundle.entry.
func (r *Reader) member() {
	w := &r.input
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
	end, ok := r.scanText()
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
	if what == memberEntry {
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
	w := &r.input
	var end int
	var ok bool
	if w.Buf[w.Pos] == '"' {
		end, ok = r.scanText()
	} else {
		end, ok = r.scanValue(1, scan.MarkNothing)
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
	if what == memberType || what == memberResourceType {
		seen := memberText{memberAt: r.here()}
		if what == memberResourceType {
			seen.word = resourceWord(text)
			r.bundle.resourceType = seen
		} else {
			r.bundle.kind = knownType(text)
			r.bundle.types = r.opts.version.typeSet(r.bundle.kind)
			seen.word = bundleWord(text)
			r.bundle.typ = seen
		}
	}
	if what == memberEntry {
		r.bundle.notArray = true
		r.addIssue(bundleEntryArray, Issue{Path: "Bundle.entry", Line: r.lineOf(r.bundle.entry), Offset: r.bundle.entry.offset})
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
		r.addIssue(ruleOfKind[f.Kind], Issue{
			Path: "Bundle", Line: r.input.LineAt(r.input.Pos+f.At) + 1, Offset: r.input.Offset() + int64(f.At),
		})
	}
	r.collected.more += r.scan.Lost
}

func (r *Reader) memberEnd() {
	w := &r.input
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

type member uint8

func memberOf(name []byte) member {
	switch string(name) {
	case "type":
		return memberType
	case "resourceType":
		return memberResourceType
	case "entry":
		return memberEntry
	case "id":
		return memberID
	case "identifier":
		return memberIdentifier
	case "timestamp":
		return memberTimestamp
	case "total":
		return memberTotal
	case "link":
		return memberLink
	case "issues":
		return memberIssues
	}
	return memberOther
}

// admitMember checks that the Bundle has no other member of that name. Known members
// have a bit in bundle.has.
func (r *Reader) admitMember(what member, name []byte) scan.Fault {
	if what == memberOther {
		return r.scan.AddName(name, r.opts.maxEntry)
	}
	if r.bundle.has&(1<<what) != 0 {
		return scan.Twice
	}
	r.bundle.has |= 1 << what
	return scan.OK
}
