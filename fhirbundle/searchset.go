package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// readSearch judges entry.search, which starts at data[at].
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

// readOutcome finds out whether the entry's resource is an OperationOutcome, and how
// severe it is.
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

// hasIssue reports whether value is an OperationOutcome that has an issue of a severity
// for which is returns true.
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

// linkOnce are the relations of which a searchset or a history can only have one
// link: there is one search, and one page before and after another.
var linkOnce = [...]string{"self", "first", "previous", "prev", "next", "last"}

// readLinks reads the links of the Bundle.
func (b *bundleState) readLinks(value []byte) {
	b.selfLink, b.linkTwice = false, -1
	if value[0] != '[' {
		return
	}
	var seen [len(linkOnce)]bool
	scan.Elements(value, 0, func(link int) bool {
		if value[link] != '{' {
			return true
		}
		url, relation := false, -1
		scan.Members(value, link, func(name []byte, at int) bool {
			switch string(name) {
			case "url":
				url = len(scan.StringAt(value, at)) > 0
			case "relation":
				text := scan.StringAt(value, at)
				for i, word := range linkOnce {
					if string(text) == word {
						relation = i
					}
				}
			}
			return true
		})
		if relation < 0 {
			return true
		}
		if linkOnce[relation] == "self" && url {
			b.selfLink = true
		}
		if linkOnce[relation] == "prev" { // the same, by another name
			relation--
		}
		if seen[relation] && b.linkTwice < 0 {
			b.linkTwice = int64(link)
		}
		seen[relation] = true
		return true
	})
}
