package fhirbundle

import (
	"bytes"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readRequest fills in the request, which starts at data[at], and checks it.
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

// readURLText returns the URL of the request. That of a POST is usually the type of the
// resource, so that comparing them saves finding its end.
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

// readURL checks the URL of a request with the given method, and compares it with the
// resource. The body of a PATCH is the change, not the resource
// (http://hl7.org/fhir/R4/http.html#patch), and is not compared.
func (r *Reader) readURL(method facts) (f facts) {
	e := &r.entry
	u, ok := identity{typ: e.URL, whole: e.URL}, true
	if string(e.URL) != string(r.typeText) { // as in most POSTs
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
		if r.recordChanged(u) {
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

// recordChanged records which resource the entry changes, and reports whether an earlier
// entry of the transaction changes it too. What a POST creates is identified by the
// server, which ignores its fullUrl and id (http://hl7.org/fhir/R4/http.html#trules).
func (r *Reader) recordChanged(u identity) bool {
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
// conditional, unescaped, and empty if they are missing or not strings. See
// https://hl7.org/fhir/R4/http.html#cond-update, #ccreate, #cread and #concurrency.
type Conditions struct {
	// IfNoneExist is the query of a conditional create, without a question mark.
	IfNoneExist string
	// IfMatch and IfNoneMatch are entity tags, such as W/"3".
	IfMatch     string
	IfNoneMatch string
	// IfModifiedSince is an instant in FHIR's format, not an HTTP date.
	IfModifiedSince string
}

// Conditions returns the conditions of the entry's request. The result is the caller's.
// Without conditions, a search for their names is all it costs.
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

// Interaction is FHIR's code for what the request of an entry asks a server to do
// (https://hl7.org/fhir/R4/valueset-restful-interaction.html). Reads, searches with GET
// and histories are all InteractionRead. It is empty if method and URL match no
// interaction.
type Interaction string

const (
	// InteractionRead is any GET or HEAD.
	InteractionRead Interaction = "read"
	// InteractionCreate is a POST to a type. The body is a resource.
	InteractionCreate Interaction = "create"
	// InteractionUpdate is a PUT to an id or a query. The body is a resource.
	InteractionUpdate Interaction = "update"
	// InteractionPatch is a PATCH. The body is a patch: a Binary or Parameters.
	InteractionPatch Interaction = "patch"
	// InteractionDelete is a DELETE. A body has no meaning.
	InteractionDelete Interaction = "delete"
	// InteractionSearch is a POST to _search. A body is not a resource to store.
	InteractionSearch Interaction = "search"
	// InteractionOperation is a POST to an operation of the server, a type or a resource.
	// The body is its input.
	InteractionOperation Interaction = "operation"
	// InteractionTransaction is a POST to the server's root. The body is a Bundle to
	// process, not to store.
	InteractionTransaction Interaction = "transaction"
)

// InteractionOf returns the interaction of Bundle.entry.request.method and .url. The URL
// may be absolute or relative to the server's root. Only its path counts. The type of a
// create need not be one that FHIR defines.
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
			return InteractionCreate // but not Type/id
		}
	}
	return ""
}

// isCapitalized reports whether text is written like the name of a type.
func isCapitalized(text string) bool {
	return text != "" && text[0]-'A' < 26 && isTypeName([]byte(text))
}
