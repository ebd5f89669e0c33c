package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// isAbsolute reports whether text starts with a scheme (RFC 3986, section 3.1).
func isAbsolute(text []byte) bool {
	for i, c := range text {
		switch {
		case c|0x20-'a' < 26:
		case i > 0 && (c-'0' < 10 || c == '+' || c == '-' || c == '.'):
		default:
			return c == ':' && i > 0 && i+1 < len(text)
		}
	}
	return false
}

// restful returns the last two segments, type and id, of a fullUrl of the form
// http(s)://…/Type/id, or nil.
func restful(fullURL []byte) (typ, id []byte) {
	rest, ok := bytes.CutPrefix(fullURL, []byte("http"))
	if !ok || !bytes.HasPrefix(rest, []byte("://")) && !bytes.HasPrefix(rest, []byte("s://")) {
		return nil, nil
	}
	cut := bytes.LastIndexByte(fullURL, '/')
	typ, id = fullURL[:cut], fullURL[cut+1:]
	typ = typ[bytes.LastIndexByte(typ, '/')+1:]
	if !isID(id) {
		return nil, nil
	}
	return typ, id
}

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

// versionID returns meta.versionId of the entry's resource, or nil.
func (r *Reader) versionID(data []byte) []byte {
	at := r.scan.Marks.Value(data, placeMeta)
	if at < 0 || data[at] != '{' {
		return nil
	}
	if first := scan.SkipSpace(data, at+1); bytes.HasPrefix(data[first:], versionFirst) { // as in nearly all
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

// UUIDs and OIDs as URIs. FHIR has patterns for the data types uuid and oid
// (http://hl7.org/fhir/R4/datatypes.html#uuid). In elements of other types, which may have
// them too, RFC 9562 and RFC 3061 apply.

const oidPrefix = "urn:oid:"

// urnFault returns the rule that a URI breaks as a UUID or an OID, or 0.
func urnFault(uri []byte) rule {
	if len(uri) == len(quotedURN{})-1 && string(uri[:len(uuidPrefix)]) == uuidPrefix && isSmallUUID(uri[len(uuidPrefix):]) {
		return 0 // as in nearly all
	}
	uri, _, _ = bytes.Cut(uri, []byte("#"))
	if rest, small, ok := cutFold(uri, uuidPrefix); ok {
		return uuidFault(rest, small)
	}
	if rest, _, ok := cutFold(uri, oidPrefix); ok && !isOID(rest) {
		return fhirOID
	}
	return 0
}

// uuidFault checks the text after urn:uuid:. small reports whether that prefix is in
// lower case.
func uuidFault(text []byte, small bool) rule {
	if len(text) != len("00000000-0000-0000-0000-000000000000") {
		return fhirUUID
	}
	capital := byte(0)
	for i, c := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return fhirUUID
			}
			continue
		}
		if scan.HexDigit[c] > 15 {
			return fhirUUID
		}
		capital |= c & 0x40 &^ (c << 1) // letters have 0x40, lower-case ones 0x20 too
	}
	if capital != 0 || !small {
		return fhirUUIDCase
	}
	return 0
}

// isSmallUUID reports whether text, of 36 bytes, is a UUID in lower case. It checks
// eight bytes at a time, the last ones twice.
func isSmallUUID(text []byte) bool {
	const (
		dashes2, zeros2, mask2 = '-' | '-'<<40, '0' | '0'<<40, 0xff | 0xff<<40
		dashes3, zeros3, mask3 = '-'<<16 | '-'<<56, '0'<<16 | '0'<<56, 0xff<<16 | 0xff<<56
	)
	second, third := scan.Load(text, 8), scan.Load(text, 16)
	if second&mask2 != dashes2 || third&mask3 != dashes3 {
		return false
	}
	return smallHex(scan.Load(text, 0))&smallHex(second&^mask2|zeros2)&smallHex(third&^mask3|zeros3)&
		smallHex(scan.Load(text, 24))&smallHex(scan.Load(text, 28)) == highBits
}

const highBits = 0x8080808080808080

// smallHex sets the highest bit of each byte that is a digit or a letter from a to f,
// and no other bit.
func smallHex(w uint64) uint64 {
	const each = 0x0101010101010101
	low := w &^ highBits
	digit := (low + (0x80-'0')*each) &^ (low + (0x80-'9'-1)*each)
	letter := (low + (0x80-'a')*each) &^ (low + (0x80-'f'-1)*each)
	return (digit | letter) &^ w & highBits
}

// isOID reports whether text is at least two numbers separated by dots, the first one 0,
// 1 or 2, and none with a leading zero.
func isOID(text []byte) bool {
	if len(text) < 3 || text[0]-'0' > 2 || text[1] != '.' {
		return false
	}
	for len(text) > 0 {
		arc, rest, more := bytes.Cut(text, []byte("."))
		if len(arc) == 0 || arc[0] == '0' && len(arc) > 1 || more && len(rest) == 0 {
			return false
		}
		for _, c := range arc {
			if c-'0' > 9 {
				return false
			}
		}
		text = rest
	}
	return true
}

// cutFold removes a lower-case prefix from text, ignoring case. small reports whether
// text has it in lower case.
func cutFold(text []byte, prefix string) (rest []byte, small, ok bool) {
	if len(text) < len(prefix) {
		return nil, false, false
	}
	head := text[:len(prefix)]
	if string(head) == prefix {
		return text[len(prefix):], true, true
	}
	if bytes.EqualFold(head, []byte(prefix)) {
		return text[len(prefix):], false, true
	}
	return nil, false, false
}

// isHTTP reports whether text is a URL of the scheme http or https, ignoring case (RFC
// 3986, section 3.1).
func isHTTP(text []byte) bool {
	scheme, _, ok := bytes.Cut(text, []byte("://"))
	return ok && (bytes.EqualFold(scheme, []byte("http")) || bytes.EqualFold(scheme, []byte("https")))
}

// normalURL appends a URL in a form that is the same for all URLs that FHIR considers
// equal: http or https, the case of the server's name, and the query make no difference
// (R4, http.html#root). Other URIs are appended unchanged.
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
