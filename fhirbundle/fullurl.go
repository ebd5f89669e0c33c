package fhirbundle

import "bytes"

// readFullURL fills in the entry's fullUrl and checks it. method has the facts of the
// request: the body of a PATCH is the change, not the resource that fullUrl identifies
// (http://hl7.org/fhir/R4/http.html#patch).
func (r *Reader) readFullURL(data []byte, method facts) (f facts) {
	e := &r.entry
	text, at := r.text(data, placeFullURL, 1)
	if at < 0 || data[at] == 'n' { // null means missing
		return 0
	}
	e.FullURL = text
	if r.opts.basic {
		return 0
	}
	if !isAbsolute(text) {
		r.entryIssue(fuAbs, at, "fullUrl", "")
	}
	if len(text) > len("urn") && text[len("urn")] == ':' {
		if fault := urnFault(text); fault != 0 {
			r.entryIssue(fault, at, "fullUrl", "")
		}
	}
	if bytes.IndexByte(text, '_') >= 0 && bytes.Contains(text, []byte("/_history/")) { // rare
		r.entryIssue(bdl8, at, "fullUrl", "")
	}
	if r.typeText != nil && method&isPATCH == 0 {
		r.compareFullURL(text, at)
	}
	if len(text) > 0 && !r.resumed {
		if version := r.versionID(data); r.index.define(text, version) {
			f |= sameFullURL
			if len(version) > 0 {
				f |= sameVersion
			}
		}
	}
	return f | hasFullURL
}

// compareFullURL compares a fullUrl at data[at] with the type and id of the resource.
func (r *Reader) compareFullURL(text []byte, at int) {
	e := &r.entry
	typ, id := restful(text)
	switch {
	case string(typ) == string(r.typeText):
		if e.ID != nil && string(id) != string(e.ID) {
			r.entryIssue(fuID, at, "fullUrl", "")
		}
	case typ != nil && r.opts.version.hasType(typ):
		r.entryIssue(fuType, at, "fullUrl", "")
	}
}

// crossRefs has what references are compared with in other entries: in a batch, the
// resources that other entries create; in a document or a message, their fullUrls. It is
// empty for other Bundles.
type crossRefs struct {
	created  index        // fullUrls of the resources that a batch creates, and references to them
	required requiredRefs // references of the first entry of a document or a message
	ownURL   []byte       // the fullUrl of the current entry, in the form of normalURL
	rootLen  int          // length of the server's root in ownURL, or 0
	ownURLOf int64        // the entry that ownURL belongs to, from 1
	target   []byte       // reused
}

func (a *crossRefs) reset(b *budget) {
	a.created.reset(b, b.max/4)
	a.required.reset(b, b.max/4)
	a.ownURL, a.rootLen, a.ownURLOf = a.ownURL[:0], 0, 0
	if cap(a.ownURL) > maxKept || cap(a.target) > maxKept {
		a.ownURL, a.target = nil, nil
	}
}

// incomplete reports whether something that a Bundle of that type needs did not fit.
func (a *crossRefs) incomplete(k typeSet) bool {
	return k&typeBatch != 0 && (a.created.refused || a.created.lost > 0) || k&(typeDocument|typeMessage) != 0 && a.required.incomplete()
}

// readOwnURL sets ownURL to the fullUrl of the current entry.
func (r *Reader) readOwnURL(data []byte) {
	a := &r.cross
	if a.ownURLOf == r.entries+1 {
		return
	}
	a.ownURLOf, a.ownURL, a.rootLen = r.entries+1, a.ownURL[:0], 0
	if r.bundle.types == typeBatch {
		a.created.limit = r.budget.max / 2
	}
	at := r.scan.Marks.Value(data, placeFullURL)
	if at < 0 {
		return
	}
	a.ownURL = normalURL(a.ownURL, r.plainAt(data, at))
	if typ, id := restful(a.ownURL); r.opts.version.hasType(typ) {
		a.rootLen = len(a.ownURL) - len(typ) - len("/") - len(id)
	}
}

// resolve returns the target of a reference in the current entry, by the rules for
// references in Bundles (R4, bundle.html#references): a URL in the form of normalURL,
// and the version in the reference, if any. The URL is nil if the specification gives
// the reference no meaning.
func (r *Reader) resolve(text []byte) (url, version []byte) {
	a := &r.cross
	text, _, _ = bytes.Cut(text, []byte("#"))
	if !isAbsolute(text) {
		path, version, _ := bytes.Cut(text, []byte("/_history/"))
		typ, id, _ := bytes.Cut(path, []byte("/"))
		if a.rootLen == 0 || !r.opts.version.hasType(typ) || !isID(id) {
			return nil, nil
		}
		a.target = append(append(a.target[:0], a.ownURL[:a.rootLen]...), path...)
		return a.target, version
	}
	if isHTTP(text) {
		text, version, _ = bytes.Cut(text, []byte("/_history/"))
	}
	a.target = normalURL(a.target[:0], text)
	return a.target, version
}

// recordCrossRef records the reference at data[at], in an entry of a Bundle that is or
// may turn out to be a batch.
func (r *Reader) recordCrossRef(data []byte, at int) {
	a := &r.cross
	r.readOwnURL(data)
	url, _ := r.resolve(r.plainAt(data, at))
	if url == nil || bytes.Equal(url, a.ownURL) {
		return
	}
	k := a.created.key(url)
	s := a.created.enter(k)
	switch {
	case s == nil || s.low&isReferred != 0:
		return
	case s.low&isDefined != 0 && r.bundle.typ.seen:
		r.entryIssue(refBatch, at, "resource", "")
	default:
		a.created.keep(unresolved{k, r.entries, r.input.KeepLine(r.input.Pos + at), r.input.Offset() + int64(at)})
	}
	s.low |= isReferred
}

// createsResource reports whether the entry, a POST, creates a resource, rather than
// calling an operation or a search.
func (r *Reader) createsResource() bool {
	if string(r.entry.URL) == string(r.typeText) {
		return true
	}
	u, ok := parseURL(r.entry.URL)
	return ok && u.id == nil && !isOperation(u)
}

// recordCreated records that the entry creates a resource, in a Bundle that is or may
// turn out to be a batch.
func (r *Reader) recordCreated(data []byte) {
	a := &r.cross
	if r.readOwnURL(data); len(a.ownURL) == 0 {
		return
	}
	if s := a.created.enter(a.created.key(a.ownURL)); s != nil {
		s.low |= isDefined
	}
}

// checkCrossRefs checks references to entries after them.
func (r *Reader) checkCrossRefs() {
	a := &r.cross
	if !r.notCompared && a.incomplete(r.bundle.types) {
		r.notCompared = true
		r.addIssue(notChecked, Issue{Path: "Bundle.entry", Line: r.lineOf(r.bundle.entry), Offset: r.bundle.entry.offset})
	}
	if r.bundle.types == typeBatch {
		for _, u := range a.created.unresolved {
			if a.created.find(u.target).low&isDefined != 0 {
				r.addIssue(refBatch, Issue{Path: entryPath(u.entry, "resource"), Entry: &u.entry, Line: r.input.LineOf(u.line, u.offset), Offset: u.offset})
			}
		}
	}
	if r.bundle.types&(typeDocument|typeMessage) != 0 {
		r.checkRequired()
	}
}
