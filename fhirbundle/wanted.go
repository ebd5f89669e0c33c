package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// wanted are the references of a document's Composition and of a message's
// MessageHeader that the specification says must be to entries of the same Bundle.
type wanted struct {
	index
	wishes  []wish
	refused bool // one found no room
}

// wish is a reference, where it is, and the rule that it breaks if no entry is its
// target.
type wish struct {
	target       indexSlot // empty: no entry can be it
	rule         rule
	line, offset int64
}

const wishBytes = 40

func (w *wanted) reset(b *budget, limit int) {
	w.index.reset(b, limit)
	if cap(w.wishes)*wishBytes > maxKept {
		w.wishes = nil
	}
	w.wishes, w.refused = w.wishes[:0], false
	b.taken += cap(w.wishes) * wishBytes
}

func (w *wanted) short() bool { return w.refused || w.index.refused }

func (w *wanted) keep(x wish) {
	if len(w.wishes) == cap(w.wishes) {
		more := max(16, 2*cap(w.wishes))
		if !w.take(more, wishBytes) {
			w.refused = true
			return
		}
		w.budget.taken -= cap(w.wishes) * wishBytes
		w.wishes = append(make([]wish, 0, more), w.wishes...)
	}
	w.wishes = append(w.wishes, x)
}

// mustRefer is a member of a resource whose references must be to entries of the
// Bundle, or in which there are such members.
type mustRefer struct {
	name  string
	rule  rule         // of a Reference
	in    []*mustRefer // of what else
	notIn Version
}

// mustReferIn are the members of what the first entry of a Bundle can be: R4,
// documents.html#content, and what MessageHeader says of its members. In R5 event.detail
// is no Reference.
var mustReferIn = func() map[string][]*mustRefer {
	section := &mustRefer{name: "section"}
	section.in = []*mustRefer{{name: "author", rule: refDocument}, {name: "focus", rule: refDocument}, {name: "entry", rule: refDocument}, section}
	return map[string][]*mustRefer{
		"Composition": {
			{name: "subject", rule: refDocument},
			{name: "encounter", rule: refDocument},
			{name: "author", rule: refDocument},
			{name: "attester", in: []*mustRefer{{name: "party", rule: refDocument}}},
			{name: "custodian", rule: refDocument},
			{name: "event", in: []*mustRefer{{name: "detail", rule: refDocument, notIn: R5}}},
			section,
		},
		"MessageHeader": {
			{name: "response", in: []*mustRefer{{name: "details", rule: refMessage}}},
			{name: "focus", rule: refFocus},
		},
	}
}()

// want records the references of the first entry, whose resource starts at data[at], that
// must be to entries of the Bundle.
func (r *Reader) want(data []byte, at int) {
	switch typ := r.entry.Type; {
	case typ == "Composition" && r.may(document), typ == "MessageHeader" && r.may(message):
		r.readOwn(data)
		r.wantIn(data, at, mustReferIn[typ])
	}
}

// wantIn records the references of an object, or of the objects of an array, that starts
// at data[i], and returns the index after it. It visits each byte once,
// however deep sections are nested.
func (r *Reader) wantIn(data []byte, i int, in []*mustRefer) (end int) {
	switch data[i] {
	case '[':
		for i = scan.FirstElement(data, i); data[i] != ']'; {
			i = scan.NextElement(data, r.wantIn(data, i, in))
		}
		return i + 1
	case '{':
		for i = scan.SkipSpace(data, i+1); data[i] != '}'; {
			end, plain := scan.StringEnd(data, i+1)
			name := data[i+1 : end]
			if !plain {
				name = scan.Unescape(nil, name)
			}
			i = scan.NextElement(data, r.wantOf(data, scan.ValueAt(data, end+1), name, in))
		}
		return i + 1
	}
	return scan.SkipValue(data, i)
}

// wantOf takes in the references of a member, of those in in, whose value starts at
// data[at], and returns the index after it.
func (r *Reader) wantOf(data []byte, at int, name []byte, in []*mustRefer) (end int) {
	for _, m := range in {
		if m.name != string(name) || m.notIn == r.opts.version {
			continue
		}
		if m.in != nil {
			return r.wantIn(data, at, m.in)
		}
		return r.wantAll(data, at, m.rule)
	}
	return scan.SkipValue(data, at)
}

// wantAll takes in a Reference, or the References of an array, that starts at
// data[i], and returns the index after it.
func (r *Reader) wantAll(data []byte, i int, ru rule) (end int) {
	switch data[i] {
	case '[':
		for i = scan.FirstElement(data, i); data[i] != ']'; {
			i = scan.NextElement(data, r.wantAll(data, i, ru))
		}
		return i + 1
	case '{':
		return scan.Members(data, i, func(name []byte, at int) bool {
			if string(name) == "reference" {
				r.wantReference(data, at, ru)
			}
			return true
		})
	}
	return scan.SkipValue(data, i)
}

// wantReference records the reference at data[at], unless it is conditional or to a
// contained resource: then it is not to an entry.
func (r *Reader) wantReference(data []byte, at int, ru rule) {
	text := r.plainAt(data, at)
	if len(text) == 0 || text[0] == '#' {
		return
	}
	if n := letters(text); n > 0 && n < len(text) && text[n] == '?' {
		return
	}
	w := &r.across.wanted
	x := wish{rule: ru, line: r.win.KeepLine(r.win.Pos + at), offset: r.win.Offset() + int64(at)}
	if url, version := r.resolve(text); url != nil {
		x.target = w.key(url)
		if len(version) > 0 {
			x.target = x.target.with(w.versionKey(version))
		}
		s := w.enter(x.target)
		if s == nil || s.low&isReferred != 0 {
			return
		}
		s.low |= isReferred
	}
	w.keep(x)
}

// grant marks what the first entry refers to as found if this entry is it.
func (r *Reader) grant(data []byte) {
	w := &r.across.wanted
	if r.readOwn(data); len(r.across.own) == 0 || w.used == 0 {
		return
	}
	k := w.key(r.across.own)
	if s := w.find(k); s.low != 0 {
		s.low |= isDefined
	}
	if version := r.versionID(data); len(version) > 0 {
		if s := w.find(k.with(w.versionKey(version))); s.low != 0 {
			s.low |= isDefined
		}
	}
}

// judgeWanted judges the wishes of a document or a message.
func (r *Reader) judgeWanted() {
	w := &r.across.wanted
	zero := int64(0)
	for _, x := range w.wishes {
		if (x.rule == refDocument) != (r.bundle.in == document) || x.target.low != 0 && w.find(x.target).low&isDefined != 0 {
			continue
		}
		r.report(x.rule, Issue{Path: entryPath(0, "resource"), Entry: &zero, Line: r.win.LineOf(x.line, x.offset), Offset: x.offset})
	}
}
