package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

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
