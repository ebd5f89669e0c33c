package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readRefs checks the references of a resource that the scanner marked, except those in
// Bundles inside the resource. alone means that there are no resources inside it: then
// no local reference can be resolved.
func (r *Reader) readRefs(data []byte, bundles []extent, alone bool) (f facts) {
	others := r.mayBe(typeBatch)
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
		// The start shows the kind of reference, unless it has escapes. Only URNs need
		// the end.
		text := data[at+1:]
		n := letters(text)
		if text[n] == '\\' {
			text = r.plainAt(data, at)
			n = letters(text)
		}
		if n >= len(text) {
			continue // only letters, after escapes
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
				r.recordURN(data, at, others)
			}
			if others {
				r.recordCrossRef(data, at)
			}
		case others && (c == ':' || c == '/'):
			r.recordCrossRef(data, at)
		}
	}
	return f
}

// isOddQuery reports whether a conditional reference, at the start of text, has n
// letters that are not a resource type, or a parameter that does not filter (R4,
// http.html#trules).
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

// controlsResult reports whether a search parameter, at the start of query, controls the
// result instead of filtering (R4, search.html#return).
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

// recordURN records a reference, at data[at], that only an entry of the same Bundle can
// resolve. others means that references to other entries matter more than those to the
// entry itself.
func (r *Reader) recordURN(data []byte, at int, others bool) {
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

// isOwn reports whether text is the fullUrl of the current entry.
func (r *Reader) isOwn(data, text []byte) bool {
	at := r.scan.Marks.Value(data, placeFullURL)
	return at >= 0 && bytes.Equal(r.plainAt(data, at), text)
}

// checkRefs checks the references that no earlier entry has resolved.
func (r *Reader) checkRefs() {
	r.checkCrossRefs()
	x := &r.index
	if x.refused { // fullUrls are missing, and not-checked was reported
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

// recentRefs holds references to UUIDs that were recorded recently, because neighboring
// resources refer to the same patient and encounter. These need not be recorded again.
// They are kept as written, so that a lookup needs neither the end of the text nor a
// hash.
type recentRefs struct {
	texts [32]quotedURN
	used  bool
}

// quotedURN is a reference without escapes, and its closing quote.
type quotedURN [len(uuidPrefix) + len("00000000-0000-0000-0000-000000000000") + len(`"`)]byte

// at returns the only slot that a text can be in. Texts that share a slot displace each
// other, which only costs time.
func (c *recentRefs) at(text []byte) *quotedURN {
	start, end := scan.Load(text, len(uuidPrefix)), scan.Load(text, len(quotedURN{})-9) // before the quote
	return &c.texts[(start^end)*spread>>59]
}

// has reports whether the string whose text starts data is in the cache.
func (c *recentRefs) has(data []byte) bool {
	const size = len(quotedURN{})
	if len(data) < size || data[0] != 'u' {
		return false
	}
	// Word by word, because a call would take longer.
	have, a := c.at(data), data[:size]
	return scan.Load(a, 32) == scan.Load(have[:], 32) && scan.Load(a, 24) == scan.Load(have[:], 24) && scan.Load(a, 16) == scan.Load(have[:], 16) &&
		scan.Load(a, 8) == scan.Load(have[:], 8) && scan.Load(a, 0) == scan.Load(have[:], 0) && scan.Load(a, 38) == scan.Load(have[:], 38)
}

// add adds a string without escapes, given with its closing quote, if it is a valid
// UUID.
func (c *recentRefs) add(quoted []byte) {
	if len(quoted) == len(quotedURN{}) && urnFault(quoted[:len(quoted)-1]) == 0 {
		*c.at(quoted), c.used = quotedURN(quoted), true
	}
}

// reset removes the references, which are data from a payload.
func (c *recentRefs) reset() {
	if c.used {
		*c = recentRefs{}
	}
}
