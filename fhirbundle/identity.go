package fhirbundle

import "bytes"

// identity is what the URL of a request says of a resource: [root/]Type/id, or
// [root/]Type?query, or [root/]Type/?query, as http.html#delete writes it.
type identity struct {
	typ   []byte // the last segment that is not an id
	id    []byte // nil where the URL names none
	query bool
	slash bool   // after the type, before nothing or a query
	whole []byte // the URL from typ on
}

// parseURL takes the URL of a request apart, relative to the server's root or
// absolute. A resource type after what is none, as in http://host/fhir/Patient, is
// the type, and no id. It is false where text is no URL.
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

// isURL says whether text has only characters that a URL may have (RFC 3986,
// section 2), and the bar, which searches have.
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

// isAbsolute says whether text starts with a scheme (RFC 3986, section 3.1).
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

// isQuery says whether text is what follows the question mark of a search: a
// parameter's name, an equals sign, and so on.
func isQuery(text []byte) bool {
	name, _, ok := bytes.Cut(text, []byte("="))
	return ok && len(name) > 0 && bytes.IndexByte(name, '?') < 0 && bytes.IndexByte(name, '/') < 0 && isURL(text)
}

// restful returns the last two segments, type and id, of a fullUrl that looks like
// http(s)://…/Type/id.
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
