package fhirbundle

import "bytes"

// across holds what the references of an entry are compared with in other entries: in a
// batch, the resources that they create; in a document or a message, their fullUrls. In
// other Bundles it stays empty.
type across struct {
	created index  // fullUrls of what a batch creates, and references to them
	wanted  wanted // what the first entry of a document or a message refers to
	own     []byte // the fullUrl of the entry that is being read, as normalURL has it
	root    int    // how much of own is the server's root; 0 where it names none
	ownOf   int64  // the entry whose own is, from 1
	target  []byte // reused
}

func (a *across) reset(b *budget) {
	a.created.reset(b, b.max/4)
	a.wanted.reset(b, b.max/4)
	a.own, a.root, a.ownOf = a.own[:0], 0, 0
	if cap(a.own) > maxKept || cap(a.target) > maxKept {
		a.own, a.target = nil, nil
	}
}

// short reports whether something found no room that a Bundle of that kind needs.
func (a *across) short(k kinds) bool {
	return k&batch != 0 && (a.created.refused || a.created.lost > 0) || k&(document|message) != 0 && a.wanted.short()
}

// readOwn sets own to the fullUrl of the entry that is being read.
func (r *Reader) readOwn(data []byte) {
	a := &r.across
	if a.ownOf == r.entries+1 {
		return
	}
	a.ownOf, a.own, a.root = r.entries+1, a.own[:0], 0
	if r.bundle.in == batch {
		a.created.limit = r.budget.max / 2
	}
	at := r.scan.Marks.Value(data, fullURL)
	if at < 0 {
		return
	}
	a.own = normalURL(a.own, r.plainAt(data, at))
	if typ, id := restful(a.own); r.opts.version.hasType(typ) {
		a.root = len(a.own) - len(typ) - len("/") - len(id)
	}
}

// resolve returns the target of a reference in the entry that is being read, by the rules
// for references in Bundles (R4, bundle.html#references): a URL to compare with fullUrls
// in the form of normalURL, and the version that it asks for, if any. The URL is nil
// if the specification gives the reference no meaning.
func (r *Reader) resolve(text []byte) (url, version []byte) {
	a := &r.across
	text, _, _ = bytes.Cut(text, []byte("#"))
	if !isAbsolute(text) {
		path, version, _ := bytes.Cut(text, []byte("/_history/"))
		typ, id, _ := bytes.Cut(path, []byte("/"))
		if a.root == 0 || !r.opts.version.hasType(typ) || !isID(id) {
			return nil, nil
		}
		a.target = append(append(a.target[:0], a.own[:a.root]...), path...)
		return a.target, version
	}
	if isHTTP(text) {
		text, version, _ = bytes.Cut(text, []byte("/_history/"))
	}
	a.target = normalURL(a.target[:0], text)
	return a.target, version
}

// referAcross records the reference at data[at], in an entry of a Bundle that is or may
// turn out to be a batch.
func (r *Reader) referAcross(data []byte, at int) {
	a := &r.across
	r.readOwn(data)
	url, _ := r.resolve(r.plainAt(data, at))
	if url == nil || bytes.Equal(url, a.own) {
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
		a.created.keep(unresolved{k, r.entries, r.win.KeepLine(r.win.Pos + at), r.win.Offset() + int64(at)})
	}
	s.low |= isReferred
}

// creates reports whether the entry, a POST, creates a resource, rather than calling an
// operation or a search.
func (r *Reader) creates() bool {
	if string(r.entry.URL) == string(r.typeText) {
		return true
	}
	u, ok := parseURL(r.entry.URL)
	return ok && u.id == nil && !isOperation(u)
}

// create records that the entry creates a resource, in a Bundle that is or may turn out
// to be a batch.
func (r *Reader) create(data []byte) {
	a := &r.across
	if r.readOwn(data); len(a.own) == 0 {
		return
	}
	if s := a.created.enter(a.created.key(a.own)); s != nil {
		s.low |= isDefined
	}
}

// judgeAcross judges the references whose entries came after them.
func (r *Reader) judgeAcross() {
	a := &r.across
	if !r.unsure && a.short(r.bundle.in) {
		r.unsure = true
		r.report(notChecked, Issue{Path: "Bundle.entry", Line: r.lineOf(r.bundle.entry), Offset: r.bundle.entry.offset})
	}
	if r.bundle.in == batch {
		for _, u := range a.created.unresolved {
			if a.created.find(u.target).low&isDefined != 0 {
				r.report(refBatch, Issue{Path: entryPath(u.entry, "resource"), Entry: &u.entry, Line: r.win.LineOf(u.line, u.offset), Offset: u.offset})
			}
		}
	}
	if r.bundle.in&(document|message) != 0 {
		r.judgeWanted()
	}
}

// isHTTP reports whether text is a URL of the scheme http or https, in letters of either
// case (RFC 3986, section 3.1).
func isHTTP(text []byte) bool {
	scheme, _, ok := bytes.Cut(text, []byte("://"))
	return ok && (bytes.EqualFold(scheme, []byte("http")) || bytes.EqualFold(scheme, []byte("https")))
}

// normalURL appends a URL in a form that is the same for all URLs that FHIR considers
// equal: http and https, upper and lower case in the server's name, and any query make no
// difference (R4, http.html#root). Other URIs are appended as they are.
func normalURL(b, text []byte) []byte {
	if !isHTTP(text) {
		return append(b, text...)
	}
	_, rest, _ := bytes.Cut(text, []byte("://"))
	rest, _, _ = bytes.Cut(rest, []byte("?"))
	host, path := rest, []byte(nil)
	if i := bytes.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	b = append(b, "http://"...)
	for _, c := range host {
		if c-'A' < 26 {
			c |= 0x20
		}
		b = append(b, c)
	}
	return append(b, path...)
}
