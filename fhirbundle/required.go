package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// requiredRefs has the references of a document's Composition, or of a message's
// MessageHeader, that must be to entries of the same Bundle.
type requiredRefs struct {
	index
	refs    []requiredRef
	refused bool // one did not fit
}

// requiredRef is such a reference, and the rule that it breaks if no entry is its
// target.
type requiredRef struct {
	target       indexSlot // empty if no entry can be it
	rule         rule
	line, offset int64
}

const requiredRefBytes = 40

func (w *requiredRefs) reset(b *budget, limit int) {
	w.index.reset(b, limit)
	if cap(w.refs)*requiredRefBytes > maxKept {
		w.refs = nil
	}
	w.refs, w.refused = w.refs[:0], false
	b.taken += cap(w.refs) * requiredRefBytes
}

func (w *requiredRefs) incomplete() bool { return w.refused || w.index.refused }

func (w *requiredRefs) keep(x requiredRef) {
	if len(w.refs) == cap(w.refs) {
		more := max(16, 2*cap(w.refs))
		if !w.take(more, requiredRefBytes) {
			w.refused = true
			return
		}
		w.budget.taken -= cap(w.refs) * requiredRefBytes
		w.refs = append(make([]requiredRef, 0, more), w.refs...)
	}
	w.refs = append(w.refs, x)
}

// refElement is an element whose references must be to entries of the Bundle, or that
// has such elements.
type refElement struct {
	name  string
	rule  rule          // for a Reference
	in    []*refElement // for other elements
	notIn Version
}

// requiredRefElements has these elements by the type of the first resource: R4,
// documents.html#content, and the definition of MessageHeader. In R5 event.detail is not
// a Reference.
var requiredRefElements = func() map[string][]*refElement {
	section := &refElement{name: "section"}
	section.in = []*refElement{{name: "author", rule: refDocument}, {name: "focus", rule: refDocument}, {name: "entry", rule: refDocument}, section}
	return map[string][]*refElement{
		"Composition": {
			{name: "subject", rule: refDocument},
			{name: "encounter", rule: refDocument},
			{name: "author", rule: refDocument},
			{name: "attester", in: []*refElement{{name: "party", rule: refDocument}}},
			{name: "custodian", rule: refDocument},
			{name: "event", in: []*refElement{{name: "detail", rule: refDocument, notIn: R5}}},
			section,
		},
		"MessageHeader": {
			{name: "response", in: []*refElement{{name: "details", rule: refMessage}}},
			{name: "focus", rule: refFocus},
		},
	}
}()

// requireRefs records the references of the first entry, whose resource starts at
// data[at], that must be to entries of the Bundle.
func (r *Reader) requireRefs(data []byte, at int) {
	switch typ := r.entry.Type; {
	case typ == "Composition" && r.mayBe(typeDocument), typ == "MessageHeader" && r.mayBe(typeMessage):
		r.readOwnURL(data)
		r.requireIn(data, at, requiredRefElements[typ])
	}
}

// requireIn records the references in an object, or in the objects of an array, that
// starts at data[i], and returns the index after it. It reads each byte once, however
// deep sections are nested.
func (r *Reader) requireIn(data []byte, i int, in []*refElement) (end int) {
	switch data[i] {
	case '[':
		for i = scan.FirstElement(data, i); data[i] != ']'; {
			i = scan.NextElement(data, r.requireIn(data, i, in))
		}
		return i + 1
	case '{':
		for i = scan.SkipSpace(data, i+1); data[i] != '}'; {
			end, plain := scan.StringEnd(data, i+1)
			name := data[i+1 : end]
			if !plain {
				name = scan.Unescape(nil, name)
			}
			i = scan.NextElement(data, r.requireMember(data, scan.ValueAt(data, end+1), name, in))
		}
		return i + 1
	}
	return scan.SkipValue(data, i)
}

// requireMember records the references of a member, if it is in in. Its value starts at
// data[at]. It returns the index after it.
func (r *Reader) requireMember(data []byte, at int, name []byte, in []*refElement) (end int) {
	for _, m := range in {
		if m.name != string(name) || m.notIn == r.opts.version {
			continue
		}
		if m.in != nil {
			return r.requireIn(data, at, m.in)
		}
		return r.requireAll(data, at, m.rule)
	}
	return scan.SkipValue(data, at)
}

// requireAll records a Reference, or the References of an array, that starts at data[i],
// and returns the index after it.
func (r *Reader) requireAll(data []byte, i int, ru rule) (end int) {
	switch data[i] {
	case '[':
		for i = scan.FirstElement(data, i); data[i] != ']'; {
			i = scan.NextElement(data, r.requireAll(data, i, ru))
		}
		return i + 1
	case '{':
		return scan.Members(data, i, func(name []byte, at int) bool {
			if string(name) == "reference" {
				r.requireRef(data, at, ru)
			}
			return true
		})
	}
	return scan.SkipValue(data, i)
}

// requireRef records the reference at data[at], unless it is conditional or to a
// contained resource.
func (r *Reader) requireRef(data []byte, at int, ru rule) {
	text := r.plainAt(data, at)
	if len(text) == 0 || text[0] == '#' {
		return
	}
	if n := letters(text); n > 0 && n < len(text) && text[n] == '?' {
		return
	}
	w := &r.cross.required
	x := requiredRef{rule: ru, line: r.input.KeepLine(r.input.Pos + at), offset: r.input.Offset() + int64(at)}
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

// resolveRequired marks the required references to the current entry as resolved.
func (r *Reader) resolveRequired(data []byte) {
	w := &r.cross.required
	if r.readOwnURL(data); len(r.cross.ownURL) == 0 || w.used == 0 {
		return
	}
	k := w.key(r.cross.ownURL)
	if s := w.find(k); s.low != 0 {
		s.low |= isDefined
	}
	if version := r.versionID(data); len(version) > 0 {
		if s := w.find(k.with(w.versionKey(version))); s.low != 0 {
			s.low |= isDefined
		}
	}
}

// checkRequired checks the required references of a document or a message.
func (r *Reader) checkRequired() {
	w := &r.cross.required
	zero := int64(0)
	for _, x := range w.refs {
		if (x.rule == refDocument) != (r.bundle.types == typeDocument) || x.target.low != 0 && w.find(x.target).low&isDefined != 0 {
			continue
		}
		r.addIssue(x.rule, Issue{Path: entryPath(0, "resource"), Entry: &zero, Line: r.input.LineOf(x.line, x.offset), Offset: x.offset})
	}
}
