package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// readResponse checks the response, which starts at data[at].
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

// startsWithStatus reports whether text starts with an HTTP status: exactly three
// digits.
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

// isOtherETag reports whether an entity tag, with or without W/ and quotes, differs from
// a version. It returns false if either is missing.
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
// has another type or id than the resource.
func (r *Reader) isOtherLocation(location []byte) bool {
	e := &r.entry
	if e.Type == "" || e.ID == nil {
		return false
	}
	location, _, _ = bytes.Cut(location, []byte("/_history/"))
	u, ok := parseURL(location)
	return ok && u.id != nil && r.opts.version.hasType(u.typ) && (string(u.typ) != e.Type || string(u.id) != string(e.ID))
}

// readSearch checks entry.search, which starts at data[at].
func (r *Reader) readSearch(data []byte, at int) (f facts) {
	f = hasSearch
	if r.opts.basic || data[at] != '{' {
		return f
	}
	scan.Members(data, at, func(name []byte, value int) bool {
		if string(name) != "mode" {
			return true
		}
		switch string(r.plainAt(data, value)) {
		case "match", "include":
		case "outcome":
			f |= modeOutcome
		default:
			f |= oddMode
		}
		return false
	})
	return f
}

// readOutcome returns whether the entry's resource is an OperationOutcome, and how
// severe.
func (r *Reader) readOutcome() (f facts) {
	if r.entry.Type != "OperationOutcome" || r.opts.basic {
		return 0
	}
	f = isOutcome
	if hasIssue(r.entry.Resource, func(severity string) bool { return severity == "fatal" || severity == "error" }) {
		f |= severeOutcome
	}
	return f
}

// hasIssue reports whether value is an OperationOutcome with an issue whose severity is
// accepted by is.
func hasIssue(value []byte, is func(severity string) bool) (found bool) {
	if value[0] != '{' {
		return false
	}
	scan.Members(value, 0, func(name []byte, list int) bool {
		if string(name) != "issue" || value[list] != '[' {
			return true
		}
		scan.Elements(value, list, func(issue int) bool {
			if value[issue] != '{' {
				return true
			}
			scan.Members(value, issue, func(name []byte, at int) bool {
				if string(name) == "severity" {
					found = is(string(scan.StringAt(value, at)))
				}
				return !found
			})
			return !found
		})
		return false
	})
	return found
}
