package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readRefs judges the references of a resource, which the scanner has found, without
// those in Bundles inside it. alone says that the resource has none inside it: then
// no local reference can be resolved.
func (r *Reader) readRefs(data []byte, bundles []extent, alone bool) (f facts) {
	others := r.may(typeBatch)
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
				f, r.conditionalAt = f|conditional, at
			}
			if f&oddQuery == 0 && r.isOddQuery(text, n) {
				f, r.oddQueryAt = f|oddQuery, at
			}
		case c == '#' && n == 0 && alone && (len(text) > 1 && text[1] != '"' || r.opts.version.bansBareFragment()):
			r.entryIssue(ref1, at, "resource", "")
		case c == ':' && n == len("urn"):
			if fault := urnFault(r.plainAt(data, at)); fault != 0 {
				r.entryIssue(fault, at, "resource", "")
			}
			if isURN(text) {
				if f&refersToURN == 0 {
					f, r.urnAt = f|refersToURN, at
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
		r.index.keep(unresolved{k, r.entries, r.input.KeepLine(r.input.Pos + at), r.input.Offset() + int64(at)})
	}
}

// isOwn reports whether text is the fullUrl of the entry that is being read.
func (r *Reader) isOwn(data, text []byte) bool {
	at := r.scan.Marks.Value(data, placeFullURL)
	return at >= 0 && bytes.Equal(r.plainAt(data, at), text)
}

// judgeRefs judges the references that no entry before theirs has resolved.
func (r *Reader) checkRefs() {
	r.checkCrossRefs()
	x := &r.index
	if x.refused { // fullUrls are missing: not-checked says so
		return
	}
	for i := range x.unresolved {
		u := &x.unresolved[i]
		if x.find(u.target).low&isDefined == 0 {
			entry := u.entry // the issue outlives the index
			r.addIssue(refURN, Issue{Path: entryPath(entry, "resource"), Entry: &entry, Line: r.input.LineOf(u.line, u.offset), Offset: u.offset})
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

// recentRefs are references to UUIDs that were taken in last: resources that stand
// beside each other refer to the same patient and encounter. What is among them
// need not be taken in again. They are kept as they are written, so that neither
// an end has to be found nor a hash to be made.
type recentRefs struct {
	texts [32]quotedURN
	used  bool
}

// quotedURN is a reference and its closing quote, without escapes.
type quotedURN [len(uuidPrefix) + len("00000000-0000-0000-0000-000000000000") + len(`"`)]byte

const uuidPrefix = "urn:uuid:"

// at is the only place at which a text can be. Where many share one, none of them
// is found, and nothing is lost but time.
func (c *recentRefs) at(text []byte) *quotedURN {
	start, end := scan.Load(text, len(uuidPrefix)), scan.Load(text, len(quotedURN{})-9) // before the quote
	return &c.texts[(start^end)*spread>>59]
}

// has says whether the string whose text is at the start of data is among them.
func (c *recentRefs) has(data []byte) bool {
	const size = len(quotedURN{})
	if len(data) < size || data[0] != 'u' {
		return false
	}
	// Word by word, since a call takes as long as all of them.
	have, a := c.at(data), data[:size]
	return scan.Load(a, 32) == scan.Load(have[:], 32) && scan.Load(a, 24) == scan.Load(have[:], 24) && scan.Load(a, 16) == scan.Load(have[:], 16) &&
		scan.Load(a, 8) == scan.Load(have[:], 8) && scan.Load(a, 0) == scan.Load(have[:], 0) && scan.Load(a, 38) == scan.Load(have[:], 38)
}

// add takes in a string without escapes, given with its closing quote, if it is a
// UUID in which nothing is found.
func (c *recentRefs) add(quoted []byte) {
	if len(quoted) == len(quotedURN{}) && urnFault(quoted[:len(quoted)-1]) == 0 {
		*c.at(quoted), c.used = quotedURN(quoted), true
	}
}

// reset forgets them: they are what a payload says.
func (c *recentRefs) reset() {
	if c.used {
		*c = recentRefs{}
	}
}
