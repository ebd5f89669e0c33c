package fhirbundle

import "bytes"

// resourceRefs are the references of the resource that is being read, as far as
// they have to be remembered.
type resourceRefs struct {
	conditional int   // where the first one is, if any
	local       []int // where those to contained resources are
}

// readRefs judges the references of a resource, which the scanner has found.
func (r *Reader) readRefs(data []byte) (f facts) {
	r.refs.local = r.refs.local[:0]
	for _, name := range r.scan.marks.refs {
		at := valueAt(data, int(name))
		text := r.plainAt(data, at)
		switch {
		case len(text) < 2:
		case text[0] == '#':
			r.refs.local = append(r.refs.local, at)
		case text[0] == 'u' && isURN(text):
			r.referTo(text, at)
		case f == 0 && isConditional(text):
			f, r.refs.conditional = conditional, at
		}
	}
	return f
}

// referTo takes in a reference, at data[at], to what only an entry of the same
// Bundle can be.
func (r *Reader) referTo(text []byte, at int) {
	if r.opts.format == NDJSON || r.resumed {
		return
	}
	if k, keep := r.index.refer(text); keep {
		r.index.keep(unresolved{k, r.entries, r.win.lineAt(r.win.pos+at) + 1, r.win.offset() + int64(at)})
	}
}

// judgeRefs judges the references that no entry before theirs has resolved.
func (r *Reader) judgeRefs() {
	x := &r.index
	if x.refused { // fullUrls are missing: not-checked says so
		return
	}
	for _, u := range x.unresolved {
		if x.find(u.target).low&isDefined == 0 {
			r.report(refURN, Issue{Path: entryPath(u.entry, "resource"), Entry: &u.entry, Line: u.line, Offset: u.offset})
		}
	}
}

// isURN says whether text names what has no address.
func isURN(text []byte) bool {
	return bytes.HasPrefix(text, []byte("urn:uuid:")) || bytes.HasPrefix(text, []byte("urn:oid:"))
}

// isConditional says whether text is a search, Type?query.
func isConditional(text []byte) bool {
	for i, c := range text {
		if c|0x20-'a' >= 26 {
			return c == '?' && i > 0
		}
	}
	return false
}

// plain is text, as it is written in a string, without escapes.
func (r *Reader) plain(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	r.scratch = unescape(r.scratch[:0], text)
	return r.scratch
}

// plainAt is the text of the string at data[i], without escapes; nil where there
// is another value.
func (r *Reader) plainAt(data []byte, i int) []byte {
	if data[i] != '"' {
		return nil
	}
	end, plain := endOfString(data, i+1)
	text := data[i+1 : end : end]
	if !plain {
		r.scratch = unescape(r.scratch[:0], text)
		text = r.scratch
	}
	return text
}
