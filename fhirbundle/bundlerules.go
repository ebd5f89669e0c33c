package fhirbundle

import (
	"slices"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// checkBundle checks the rules that need the whole Bundle.
func (r *Reader) checkBundle() {
	b := &r.bundle
	if b.notObject {
		return
	}
	isBundle := b.resourceType.word == "Bundle"
	if !isBundle {
		got := "no resourceType"
		if b.resourceType.seen {
			got = quotable(b.resourceType, "'")
		}
		r.addIssue(bundleResourceType, Issue{
			Message: "Expected resourceType 'Bundle', got " + got,
			Path:    "Bundle", Line: r.lineOf(b.resourceType.memberAt), Offset: b.resourceType.offset,
		})
	}
	// Another resource is only checked as far as it looks like a Bundle.
	other := !isBundle && b.resourceType.word != ""
	if !r.accepts(b.kind) && (b.typ.seen || !other) {
		got := "none"
		if b.typ.seen {
			got = quotable(b.typ, "")
		}
		r.addIssue(bundleType, Issue{
			Message: "Unsupported bundle type: " + got,
			Path:    "Bundle.type", Line: r.lineOf(b.typ.memberAt), Offset: b.typ.offset,
		})
	}
	if r.entries == 0 && b.entry.seen && !b.notArray {
		r.addIssue(fhirEmptyArray, Issue{Path: "Bundle.entry", Line: r.lineOf(b.entry), Offset: b.entry.offset})
	}
	if r.opts.needEntries && r.entries == 0 && !b.notArray && (b.entry.seen || !other) {
		r.addIssue(bundleNoEntries, Issue{Path: "Bundle.entry", Line: r.lineOf(b.entry), Offset: b.entry.offset})
	}
	r.checkDeferred()
	if isBundle || !other {
		r.checkMembers()
	}
	r.checkRefs()
}

func (r *Reader) accepts(kind string) bool {
	if len(r.opts.types) == 0 {
		return r.bundle.types != 0
	}
	return kind != "" && slices.Contains(r.opts.types, kind)
}

// checkMembers checks what the Bundle's type requires of the Bundle itself.
func (r *Reader) checkMembers() {
	b := &r.bundle
	in := func(k typeSet) bool { return b.types&k != 0 }
	const demanding = typeDocument | typeMessage | typeSearchset | typeHistory | typeSubscriptionNotification
	if b.types == 0 || b.types&demanding == 0 && !b.total.seen && !b.issues.seen {
		return
	}
	bundle := Issue{Path: "Bundle", Line: r.lineOf(b.typ.memberAt), Offset: b.typ.offset}
	broken := func(ru rule, path string, is bool) {
		if is {
			at := bundle
			at.Path = path
			r.addIssue(ru, at)
		}
	}
	if b.total.seen && !in(typeSearchset|typeHistory) {
		r.addIssue(bdl1, Issue{Path: "Bundle.total", Line: r.lineOf(b.total), Offset: b.total.offset})
	}
	if b.link.seen && b.linkTwice >= 0 && in(typeSearchset|typeHistory) {
		r.addIssue(linkTwice, Issue{Path: "Bundle.link", Line: r.lineOf(b.link), Offset: b.link.offset})
	}
	broken(bdl9, "Bundle.identifier", in(typeDocument) && !b.identified)
	broken(bdl10, "Bundle.timestamp", in(typeDocument) && !b.timed)
	const first = "Bundle.entry[0].resource"
	broken(bdl11, first, in(typeDocument) && b.first != "Composition")
	broken(bdl12, first, in(typeMessage) && b.first != "MessageHeader")
	if r.opts.version != R5 {
		return
	}
	broken(bdl13, first, in(typeSubscriptionNotification) && b.first != "SubscriptionStatus")
	if b.issues.seen {
		at := Issue{Path: "Bundle.issues", Line: r.lineOf(b.issues), Offset: b.issues.offset}
		if b.severe {
			r.addIssue(bdl16, at)
		}
		if in(typeDocument) {
			r.addIssue(bdl17, at)
		}
	}
	broken(bdl18, "Bundle.link", in(typeSearchset) && !b.selfLink)
}

const (
	memberOther member = iota
	memberType
	memberResourceType
	memberEntry
	memberID
	memberIdentifier
	memberTimestamp
	memberTotal
	memberLink
	memberIssues
)

// readMember reads the value of a member of the Bundle, which was scanned.
func (r *Reader) readMember(what member, value []byte) {
	b := &r.bundle
	switch what {
	case memberID:
		// The id of a Bundle inside a resource was checked like any other.
		if r.opts.nesting == 0 && !isID(r.plainAt(value, 0)) {
			at := r.here()
			r.addIssue(fhirID, Issue{Path: "Bundle.id", Line: r.lineOf(at), Offset: at.offset})
		}
	case memberIdentifier:
		b.identified = value[0] == '{' && hasString(value, 0, "system") && hasString(value, 0, "value")
	case memberTimestamp:
		b.timed = value[0] == '"'
	case memberTotal:
		b.total = r.here()
	case memberLink:
		b.link = r.here()
		b.readLinks(value)
		if b.linkTwice >= 0 {
			b.link.offset += b.linkTwice
			b.link.line = r.input.KeepLine(r.input.Pos + int(b.linkTwice))
		}
	case memberIssues:
		b.issues = r.here()
		b.severe = hasIssue(value, func(severity string) bool { return severity != "information" && severity != "warning" })
	}
}

// hasString reports whether the object at data[i] has a member that is a string and not
// empty.
func hasString(data []byte, i int, member string) (found bool) {
	scan.Members(data, i, func(name []byte, at int) bool {
		if string(name) == member {
			found = len(scan.StringAt(data, at)) > 0
			return false
		}
		return true
	})
	return found
}

// linkOnce has the relations that only one link of a searchset or a history may have:
// there is one search, and one page before and after another.
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
		if linkOnce[relation] == "prev" { // another name for previous
			relation--
		}
		if seen[relation] && b.linkTwice < 0 {
			b.linkTwice = int64(link)
		}
		seen[relation] = true
		return true
	})
}
