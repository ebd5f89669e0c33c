package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// identity is the resource that the URL of a request names: [root/]Type/id,
// [root/]Type?query, or [root/]Type/?query, as in http.html#delete.
type identity struct {
	typ   []byte // the last segment that is not an id
	id    []byte // nil if the URL has none
	query bool
	slash bool   // the type ends with a slash and there is no id
	whole []byte // the URL from typ on
}

// parseURL parses the URL of a request, which is absolute or relative to the server's
// root. If the last segment is a resource type and the one before it is not, as in
// http://host/fhir/Patient, the last one is the type, and there is no id. ok is false if
// text is not a URL.
func parseURL(text []byte) (u identity, ok bool) {
	if !isURL(text) {
		return u, false
	}
	path := text
	if i := bytes.IndexByte(text, '?'); i >= 0 {
		path, u.query = text[:i], true
	}
	start := 0
	if i := bytes.Index(path, []byte("://")); i >= 0 {
		host := path[i+3:]
		if start = len(path); bytes.IndexByte(host, '/') >= 0 {
			start += bytes.IndexByte(host, '/') - len(host)
		}
	}
	last := max(bytes.LastIndexByte(path, '/')+1, start)
	first := last
	if last > start+1 && isID(path[last:]) {
		if first = max(bytes.LastIndexByte(path[:last-1], '/')+1, start); isTypeName(path[first:last-1]) &&
			(isResourceType(path[first:last-1]) || !isResourceType(path[last:])) {
			u.typ, u.id, u.whole = path[first:last-1], path[last:], path[first:]
			return u, true
		}
	}
	if last == len(path) && last > start+1 {
		if first = max(bytes.LastIndexByte(path[:last-1], '/')+1, start); isTypeName(path[first : last-1]) {
			u.typ, u.slash, u.whole = path[first:last-1], true, text[first:]
			return u, true
		}
	}
	u.typ, u.whole = path[last:], text[last:]
	return u, true
}

// isURL reports whether all characters of text may be in a URL (RFC 3986, section 2).
// The bar may, because searches use it.
func isURL(text []byte) bool {
	for i, c := range text {
		if c <= ' ' || c >= 0x7f || oddInURL[c] {
			return false
		}
		if c == '%' && (i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2])) {
			return false
		}
	}
	return len(text) > 0
}

var oddInURL = [128]bool{'<': true, '>': true, '"': true, '{': true, '}': true, '\\': true, '^': true, '`': true}

func isHex(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 6 }

// isQuery reports whether text is the query of a search: a parameter's name, an equals
// sign, and so on.
func isQuery(text []byte) bool {
	name, _, ok := bytes.Cut(text, []byte("="))
	return ok && len(name) > 0 && bytes.IndexByte(name, '?') < 0 && bytes.IndexByte(name, '/') < 0 && isURL(text)
}

// isOperation reports whether the URL of a POST is an operation, a search, or the
// server's root.
func isOperation(u identity) bool {
	return u.id == nil && (len(u.typ) == 0 || u.typ[0] == '$' || string(u.typ) == "_search")
}

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

// isURN reports whether text is a urn:uuid or a urn:oid.
func isURN(text []byte) bool {
	return bytes.HasPrefix(text, []byte("urn:uuid:")) || bytes.HasPrefix(text, []byte("urn:oid:"))
}

const uuidPrefix = "urn:uuid:"
