package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readFullURL fills in the entry's fullUrl and judges it. The method is what was
// read of the request: the body of a PATCH is the change, not the resource that
// fullUrl names (http://hl7.org/fhir/R4/http.html#patch).
func (r *Reader) readFullURL(data []byte, method facts) (f facts) {
	e := &r.entry
	text, at := r.text(data, fullURL, 1)
	if at < 0 || data[at] == 'n' { // null is none
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
	if bytes.IndexByte(text, '_') >= 0 && bytes.Contains(text, []byte("/_history/")) { // seldom
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

// compareFullURL compares a fullUrl at data[at] with what the resource says of
// itself.
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

// versionID is meta.versionId of the entry's resource, nil where there is none.
func (r *Reader) versionID(data []byte) []byte {
	at := r.scan.Marks.Value(data, meta)
	if at < 0 || data[at] != '{' {
		return nil
	}
	if first := scan.SkipSpace(data, at+1); bytes.HasPrefix(data[first:], versionFirst) { // as it is nearly always
		if version := scan.StringAt(data, scan.SkipSpace(data, first+len(versionFirst))); version != nil {
			return version
		}
	}
	var version []byte
	scan.Members(data, at, func(name []byte, value int) bool {
		if string(name) == "versionId" {
			version = scan.StringAt(data, value)
		}
		return version == nil
	})
	return version
}

var versionFirst = []byte(`"versionId":`)
