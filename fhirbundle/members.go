package fhirbundle

import "github.com/fhirdock/fhirdock/fhirbundle/internal/scan"

// What the Bundle itself has, beside its entries, and the rules that ask for it.

type member uint8

const (
	otherMember member = iota
	typeMember
	resourceTypeMember
	bundleEntry
	bundleID
	identifier
	timestamp
	total
	link
	issues
)

func memberOf(name []byte) member {
	switch string(name) {
	case "type":
		return typeMember
	case "resourceType":
		return resourceTypeMember
	case "entry":
		return bundleEntry
	case "id":
		return bundleID
	case "identifier":
		return identifier
	case "timestamp":
		return timestamp
	case "total":
		return total
	case "link":
		return link
	case "issues":
		return issues
	}
	return otherMember
}

// admitMember takes in a member of the Bundle of that name. Of a name that is known
// there is a bit to remember.
func (r *Reader) admitMember(what member, name []byte) scan.Fault {
	if what == otherMember {
		return r.scan.AddName(name, r.opts.maxEntry)
	}
	if r.bundle.has&(1<<what) != 0 {
		return scan.Twice
	}
	r.bundle.has |= 1 << what
	return scan.OK
}

// seenAt is where a member is, if it was seen.
type seenAt struct {
	seen   bool
	line   int64 // of keepLine
	offset int64
}

func (r *Reader) here() seenAt {
	return seenAt{true, r.win.KeepLine(r.win.Pos), r.win.Offset()}
}

// lineOf is its line, from 1; the first one where it was not seen.
func (r *Reader) lineOf(at seenAt) int64 {
	if !at.seen {
		return 1
	}
	return r.win.LineOf(at.line, at.offset)
}

// readMember takes in the value of a member of the Bundle, value, which was
// scanned.
func (r *Reader) readMember(what member, value []byte) {
	b := &r.bundle
	switch what {
	case bundleID:
		// Of a Bundle that is a resource it was judged as any resource's.
		if r.opts.nesting == 0 && !isID(r.plainAt(value, 0)) {
			at := r.here()
			r.report(fhirID, Issue{Path: "Bundle.id", Line: r.lineOf(at), Offset: at.offset})
		}
	case identifier:
		b.identified = value[0] == '{' && hasString(value, 0, "system") && hasString(value, 0, "value")
	case timestamp:
		b.timed = value[0] == '"'
	case total:
		b.total = r.here()
	case link:
		b.link = r.here()
		b.readLinks(value)
		if b.linkTwice >= 0 {
			b.link.offset += b.linkTwice
			b.link.line = r.win.KeepLine(r.win.Pos + int(b.linkTwice))
		}
	case issues:
		b.issues = r.here()
		b.severe = hasIssue(value, func(severity string) bool { return severity != "information" && severity != "warning" })
	}
}

// hasString says whether the object at data[i] has a member that is a string and
// not empty.
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

// judgeMembers judges what the Bundle's type demands of the Bundle itself.
func (r *Reader) judgeMembers() {
	b := &r.bundle
	in := func(k kinds) bool { return b.in&k != 0 }
	const demanding = document | message | searchset | history | subscriptionNotification
	if b.in == 0 || b.in&demanding == 0 && !b.total.seen && !b.issues.seen {
		return
	}
	bundle := Issue{Path: "Bundle", Line: r.lineOf(b.typ.seenAt), Offset: b.typ.offset}
	broken := func(ru rule, path string, is bool) {
		if is {
			at := bundle
			at.Path = path
			r.report(ru, at)
		}
	}
	if b.total.seen && !in(searchset|history) {
		r.report(bdl1, Issue{Path: "Bundle.total", Line: r.lineOf(b.total), Offset: b.total.offset})
	}
	if b.link.seen && b.linkTwice >= 0 && in(searchset|history) {
		r.report(linkTwice, Issue{Path: "Bundle.link", Line: r.lineOf(b.link), Offset: b.link.offset})
	}
	broken(bdl9, "Bundle.identifier", in(document) && !b.identified)
	broken(bdl10, "Bundle.timestamp", in(document) && !b.timed)
	const first = "Bundle.entry[0].resource"
	broken(bdl11, first, in(document) && b.first != "Composition")
	broken(bdl12, first, in(message) && b.first != "MessageHeader")
	if r.opts.version != R5 {
		return
	}
	broken(bdl13, first, in(subscriptionNotification) && b.first != "SubscriptionStatus")
	if b.issues.seen {
		at := Issue{Path: "Bundle.issues", Line: r.lineOf(b.issues), Offset: b.issues.offset}
		if b.severe {
			r.report(bdl16, at)
		}
		if in(document) {
			r.report(bdl17, at)
		}
	}
	broken(bdl18, "Bundle.link", in(searchset) && !b.selfLink)
}
