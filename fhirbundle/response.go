package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readResponse judges the response, which starts at data[at].
func (r *Reader) readResponse(data []byte, at int) (f facts) {
	f = hasResponse
	if r.opts.basic {
		return f
	}
	if data[at] != '{' {
		return f
	}
	scan.Members(data, at, func(name []byte, value int) bool {
		switch string(name) {
		case "status":
			if !startsWithStatus(r.plainAt(data, value)) {
				f |= oddStatus
			}
		case "etag":
			if isOtherETag(scan.StringAt(data, value), r.versionID(data)) {
				f |= otherETag
			}
		case "location":
			if r.isOtherLocation(scan.StringAt(data, value)) {
				f |= otherLocation
			}
		case "outcome":
			if !isOutcomeAt(data, value) {
				f |= otherOutcome
			}
		}
		return true
	})
	return f
}

// isOutcomeAt reports whether the value at data[at] is an OperationOutcome, or null.
func isOutcomeAt(data []byte, at int) (is bool) {
	if data[at] != '{' {
		return data[at] == 'n'
	}
	scan.Members(data, at, func(name []byte, value int) bool {
		is = string(name) == "resourceType" && string(scan.StringAt(data, value)) == "OperationOutcome"
		return string(name) != "resourceType"
	})
	return is
}

// startsWithStatus reports whether text starts with an HTTP status: three digits, and
// not four.
func startsWithStatus(text []byte) bool {
	const digits = 3
	if len(text) < digits {
		return false
	}
	for _, c := range text[:digits] {
		if c-'0' >= 10 {
			return false
		}
	}
	return len(text) == digits || text[digits]-'0' >= 10
}

// isOtherETag reports whether an entity tag, with or without W/ and quotes, names another
// version. It is false if either of them is missing.
func isOtherETag(tag, version []byte) bool {
	if len(tag) == 0 || len(version) == 0 {
		return false
	}
	tag = bytes.TrimPrefix(tag, []byte("W/"))
	if n := len(tag); n >= 2 && tag[0] == '"' && tag[n-1] == '"' {
		tag = tag[1 : n-1]
	}
	return !bytes.Equal(tag, version)
}

// isOtherLocation reports whether a location, [root/]Type/id with or without a version,
// names another id or type than the resource has.
func (r *Reader) isOtherLocation(location []byte) bool {
	e := &r.entry
	if e.Type == "" || e.ID == nil {
		return false
	}
	location, _, _ = bytes.Cut(location, []byte("/_history/"))
	u, ok := parseURL(location)
	return ok && u.id != nil && r.opts.version.hasType(u.typ) && (string(u.typ) != e.Type || string(u.id) != string(e.ID))
}
