package fhirbundle

import (
	"bytes"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readRequest fills in the request, which starts at data[at], and judges it.
func (r *Reader) readRequest(data []byte, at int) (f facts) {
	e, m := &r.entry, &r.scan.Marks
	if data[at] == '{' {
		end := m.End(placeRequest)
		e.Request = data[at:end:end]
		f |= r.readMethod(data, at)
		e.URL = r.readURLText(data)
	} else {
		r.entryIssue(txMethod, at, "request.method", "")
	}
	if r.opts.basic {
		return f
	}
	if len(e.URL) == 0 {
		r.entryIssue(txURL, at, "request.url", "")
		return f
	}
	if m.Has(placeIfNoneExist) && e.Request != nil {
		if at := m.Value(data, placeIfNoneExist); !isQuery(r.plainAt(data, at)) {
			f |= oddIfNoneExist
		}
	}
	return f | r.readURL(f)
}

func (r *Reader) readMethod(data []byte, at int) (f facts) {
	e := &r.entry
	text, methodAt := r.text(data, placeMethod, 2)
	if len(text) > 0 {
		f = hasMethod
	}
	var is facts
	if e.Method, is = methodOf(text); is == 0 {
		e.Method = string(text)
		r.entryIssue(txMethod, max(methodAt, at), "request.method", "")
	}
	return f | is
}

// readURLText returns the URL of the request. That of a POST is usually the type of
// the resource, which takes a comparison and no search for the end.
func (r *Reader) readURLText(data []byte) []byte {
	typ := r.typeText
	if at := r.scan.Marks.Value(data, placeURL); at >= 0 && typ != nil {
		end := at + 1 + len(typ)
		if end < len(data) && data[end] == '"' && data[at] == '"' && string(data[at+1:end]) == string(typ) {
			return data[at+1 : end : end]
		}
	}
	text, _ := r.text(data, placeURL, 2)
	return text
}

// readURL judges the URL of a request with the given method, and compares it with
// the resource. The body of a PATCH is the change, not the resource
// (http://hl7.org/fhir/R4/http.html#patch), so nothing is compared with it.
func (r *Reader) readURL(method facts) (f facts) {
	e := &r.entry
	u, ok := identity{typ: e.URL, whole: e.URL}, true
	if string(e.URL) != string(r.typeText) { // what a POST usually says
		u, ok = parseURL(e.URL)
	}
	named := len(u.typ) > 0 && (string(u.typ) == string(r.typeText) || r.opts.version.hasType(u.typ))
	switch {
	case !ok:
		return oddURL
	case method&(isPUT|isPATCH|isDELETE) != 0:
		if !named || u.id == nil && !u.query {
			return oddURL
		}
		if r.identify(u) {
			f |= sameIdentity
		}
	case method&isPOST != 0:
		if isOperation(u) {
			return 0
		}
		if !named || u.id != nil {
			return oddURL
		}
	}
	if e.Resource == nil || method&(isPOST|isPUT) == 0 {
		return f
	}
	if r.typeText != nil && string(u.typ) != string(r.typeText) {
		f |= otherType
	}
	if method&isPUT != 0 && u.id != nil {
		if e.ID == nil {
			f |= lacksID
		} else if string(u.id) != string(e.ID) {
			f |= otherID
		}
	}
	return f
}

// isOperation reports whether the URL of a POST is an operation, a search, or the server's
// root.
func isOperation(u identity) bool {
	return u.id == nil && (len(u.typ) == 0 || u.typ[0] == '$' || string(u.typ) == "_search")
}

// identify records the identity of a resource that the entry changes, and reports
// whether an earlier entry of the transaction changes it too. What a POST creates
// has no identity before the server gives it one: its fullUrl is the resource's id
// at the source and is ignored (http://hl7.org/fhir/R4/http.html#trules).
func (r *Reader) identify(u identity) bool {
	if r.resumed || r.bundle.typ.seen && r.bundle.types != typeTransaction {
		return false
	}
	if u.slash { // Type/?query is Type?query
		r.scratch = append(append(r.scratch[:0], u.typ...), u.whole[len(u.typ)+1:]...)
		u.whole = r.scratch
	}
	return r.index.changes(u.whole)
}

// Conditions are the members of Bundle.entry.request that make an interaction
// conditional, unescaped; empty where absent or not a string. See
// https://hl7.org/fhir/R4/http.html#cond-update, #ccreate, #cread and #concurrency.
type Conditions struct {
	// IfNoneExist is the query of a conditional create, without a question mark.
	IfNoneExist string
	// IfMatch and IfNoneMatch are entity tags, such as W/"3".
	IfMatch     string
	IfNoneMatch string
	// IfModifiedSince is an instant as FHIR writes it, not a date of HTTP.
	IfModifiedSince string
}

// Conditions returns the conditions of the entry's request. The result is the
// caller's. A request that has none costs a search for its names.
func (e *Entry) Conditions() (c Conditions) {
	if !bytes.Contains(e.Request, condition) && bytes.IndexByte(e.Request, '\\') < 0 {
		return c
	}
	scan.Members(e.Request, 0, func(name []byte, at int) bool {
		switch string(name) {
		case "ifNoneExist":
			c.IfNoneExist = string(scan.StringAt(e.Request, at))
		case "ifMatch":
			c.IfMatch = string(scan.StringAt(e.Request, at))
		case "ifNoneMatch":
			c.IfNoneMatch = string(scan.StringAt(e.Request, at))
		case "ifModifiedSince":
			c.IfModifiedSince = string(scan.StringAt(e.Request, at))
		}
		return true
	})
	return c
}

// condition is how the names of conditions begin, unless they are escaped.
var condition = []byte(`"if`)

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

// isQuery says whether text is what follows the question mark of a search: a
// parameter's name, an equals sign, and so on.
func isQuery(text []byte) bool {
	name, _, ok := bytes.Cut(text, []byte("="))
	return ok && len(name) > 0 && bytes.IndexByte(name, '?') < 0 && bytes.IndexByte(name, '/') < 0 && isURL(text)
}

// Interaction is FHIR's code for what the request of an entry asks a server to do
// (https://hl7.org/fhir/R4/valueset-restful-interaction.html). Reads, GET searches and
// histories are all InteractionRead. It is empty if the method and URL name none.
type Interaction string

const (
	// InteractionRead: any GET or HEAD.
	InteractionRead Interaction = "read"
	// InteractionCreate: a POST to a type. The body is a resource.
	InteractionCreate Interaction = "create"
	// InteractionUpdate: a PUT to an id or a query. The body is a resource.
	InteractionUpdate Interaction = "update"
	// InteractionPatch: a PATCH. The body is a patch, as a Binary or as Parameters.
	InteractionPatch Interaction = "patch"
	// InteractionDelete: a DELETE. A body means nothing.
	InteractionDelete Interaction = "delete"
	// InteractionSearch: a POST to _search. A body is no resource.
	InteractionSearch Interaction = "search"
	// InteractionOperation: a POST to the URL of an operation, of the server, a type
	// or a resource. The body is its input.
	InteractionOperation Interaction = "operation"
	// InteractionTransaction: a POST to the server's root. The body is a Bundle that
	// is processed and not kept.
	InteractionTransaction Interaction = "transaction"
)

// InteractionOf returns the interaction of Bundle.entry.request.method and .url. The
// URL may be absolute or relative to the server's root. Only its path counts. A create
// need not be of a type that FHIR defines.
func InteractionOf(method, url string) Interaction {
	path, _, _ := strings.Cut(url, "?")
	if _, after, absolute := strings.Cut(path, "://"); absolute {
		_, path, _ = strings.Cut(after, "/")
	}
	before, last := "", strings.TrimPrefix(path, "/")
	if typ, ok := strings.CutSuffix(last, "/"); ok && resourceTypes[typ[strings.LastIndexByte(typ, '/')+1:]].in != 0 {
		last = typ
	}
	if i := strings.LastIndexByte(last, '/'); i >= 0 {
		before, last = last[:i], last[i+1:]
	}
	operation := strings.HasPrefix(last, "$")
	switch method {
	case "GET", "HEAD":
		return InteractionRead
	case "PATCH":
		return InteractionPatch
	case "DELETE":
		return InteractionDelete
	case "PUT":
		if !operation {
			return InteractionUpdate
		}
	case "POST":
		switch {
		case operation:
			return InteractionOperation
		case last == "_search":
			return InteractionSearch
		case last == "":
			return InteractionTransaction
		case isCapitalized(last) && resourceTypes[before[strings.LastIndexByte(before, '/')+1:]].in == 0:
			return InteractionCreate // and not Type/id
		}
	}
	return ""
}

// isCapitalized reports whether text is written as FHIR's types are.
func isCapitalized(text string) bool {
	return text != "" && text[0]-'A' < 26 && isTypeName([]byte(text))
}
