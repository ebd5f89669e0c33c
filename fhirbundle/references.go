package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readRefs judges the references of a resource, which the scanner has found, without
// those in Bundles inside it. alone says that the resource has none inside it: then
// no local reference can be resolved.
func (r *Reader) readRefs(data []byte, bundles []extent, alone bool) (f facts) {
	others := r.may(batch)
	for _, name := range r.scan.Marks.Deep {
		for len(bundles) > 0 && int(name) >= bundles[0].end {
			bundles = bundles[1:]
		}
		if len(bundles) > 0 && int(name) >= bundles[0].at {
			continue
		}
		at := scan.ValueAt(data, int(name))
		if data[at] != '"' || r.recent.has(data[at+1:]) {
			continue
		}
		// The start says what it is, as far as it has no escapes. Where it ends
		// is of no interest, but to URNs.
		text := data[at+1:]
		n := letters(text)
		if text[n] == '\\' {
			text = r.plainAt(data, at)
			n = letters(text)
		}
		if n >= len(text) {
			continue // it had escapes, and is nothing but letters
		}
		switch c := text[n]; {
		case c == '?' && n > 0:
			if f&conditional == 0 {
				f, r.conditional = f|conditional, at
			}
			if f&oddQuery == 0 && r.isOddQuery(text, n) {
				f, r.oddQuery = f|oddQuery, at
			}
		case c == '#' && n == 0 && alone && (len(text) > 1 && text[1] != '"' || r.opts.version.bansBareFragment()):
			r.entryIssue(ref1, at, "resource", "")
		case c == ':' && n == len("urn"):
			if fault := urnFault(r.plainAt(data, at)); fault != 0 {
				r.entryIssue(fault, at, "resource", "")
			}
			if isURN(text) {
				if f&refersToURN == 0 {
					f, r.urn = f|refersToURN, at
				}
				r.referTo(data, at, others)
			}
			if others {
				r.referAcross(data, at)
			}
		case others && (c == ':' || c == '/'):
			r.referAcross(data, at)
		}
	}
	return f
}

// isOddQuery reports whether a conditional reference, the start of text, is to n letters
// that are no type, or has parameters that do not filter (R4, http.html#trules).
func (r *Reader) isOddQuery(text []byte, n int) bool {
	if r.queryType != string(text[:n]) {
		if !r.opts.version.hasType(text[:n]) {
			return true
		}
		r.queryType = resourceTypes[string(text[:n])].name
	}
	query := text[n+1:]
	if end := bytes.IndexByte(query, '"'); end >= 0 {
		query = query[:end]
	}
	for {
		if len(query) > 0 && query[0] == '_' && controlsResult(query) {
			return true
		}
		next := bytes.Index(query, []byte("&_"))
		if next < 0 {
			return false
		}
		query = query[next+1:]
	}
}

// controlsResult reports whether a parameter of a search, the start of query, controls
// what is returned (R4, search.html#return).
func controlsResult(query []byte) bool {
	name := query
	if end := bytes.IndexAny(query, "=:&"); end >= 0 {
		name = query[:end]
	}
	switch string(name) {
	case "_sort", "_count", "_include", "_revinclude", "_summary", "_total", "_elements", "_contained", "_containedType", "_format", "_pretty":
		return true
	}
	return false
}

// referTo takes in a reference, at data[at], to what only an entry of the same
// Bundle can be. others is whether it matters which entry has a reference to another.
func (r *Reader) referTo(data []byte, at int, others bool) {
	if r.opts.format != FormatBundle || r.resumed {
		return
	}
	end, plain := scan.StringEnd(data, at+1)
	text := data[at+1 : end]
	switch {
	case !plain:
		text = r.plain(text)
	case !others || !r.isOwn(data, text):
		r.recent.add(data[at+1 : end+1])
	}
	text, _, _ = bytes.Cut(text, []byte("#"))
	if k, keep := r.index.refer(text); keep {
		r.index.keep(unresolved{k, r.entries, r.win.KeepLine(r.win.Pos + at), r.win.Offset() + int64(at)})
	}
}

// isOwn reports whether text is the fullUrl of the entry that is being read.
func (r *Reader) isOwn(data, text []byte) bool {
	at := r.scan.Marks.Value(data, fullURL)
	return at >= 0 && bytes.Equal(r.plainAt(data, at), text)
}

// judgeRefs judges the references that no entry before theirs has resolved.
func (r *Reader) judgeRefs() {
	r.judgeAcross()
	x := &r.index
	if x.refused { // fullUrls are missing: not-checked says so
		return
	}
	for i := range x.unresolved {
		u := &x.unresolved[i]
		if x.find(u.target).low&isDefined == 0 {
			entry := u.entry // the issue outlives the index
			r.report(refURN, Issue{Path: entryPath(entry, "resource"), Entry: &entry, Line: r.win.LineOf(u.line, u.offset), Offset: u.offset})
		}
	}
}

// isURN says whether text names what has no address.
func isURN(text []byte) bool {
	return bytes.HasPrefix(text, []byte("urn:uuid:")) || bytes.HasPrefix(text, []byte("urn:oid:"))
}

// letters returns how many letters text starts with.
func letters(text []byte) int {
	for i, c := range text {
		if c|0x20-'a' >= 26 {
			return i
		}
	}
	return len(text)
}

// plain is text, as it is written in a string, without escapes.
func (r *Reader) plain(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	r.scratch = scan.Unescape(r.scratch[:0], text)
	return r.scratch
}

// plainAt is the text of the string at data[i], without escapes; nil where there
// is another value.
func (r *Reader) plainAt(data []byte, i int) []byte {
	if data[i] != '"' {
		return nil
	}
	end, plain := scan.StringEnd(data, i+1)
	text := data[i+1 : end : end]
	if !plain {
		r.scratch = scan.Unescape(r.scratch[:0], text)
		text = r.scratch
	}
	return text
}
