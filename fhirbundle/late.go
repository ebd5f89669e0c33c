package fhirbundle

import (
	"cmp"
	"slices"
)

// Some rules of an entry depend on the Bundle's type, which may stand behind the
// entries. Until it is known an entry is remembered by its shape: of each shape
// the first entries, as many as issues can be listed, and how many there are.

// shape is what an entry has, as far as rules about the Bundle's type go.
type shape uint8

const (
	hasResource shape = 1 << iota
	hasRequest
	hasResponse
	bodyless // the request's method is GET, HEAD or DELETE
	shapes   = iota
)

type lateJudge [1 << shapes]struct {
	count int64
	first []lateEntry
}

type lateEntry struct {
	index, line, offset int64
}

// lacksResource says whether an entry of this shape, in a Bundle of this type,
// should have a resource and has none (bdl-5, and the rules of transactions).
func (s shape) lacksResource(kind string) bool {
	if s&hasResource != 0 {
		return false
	}
	switch kind {
	case "transaction", "batch":
		return s&bodyless == 0
	case "history":
		return s&(hasRequest|hasResponse) == 0
	case "transaction-response", "batch-response":
		return s&hasResponse == 0
	}
	return true
}

// breaksBDL3 says whether the request is absent where the type demands it, or
// present where it does not allow it. R5's subscription-notification is free.
func (s shape) breaksBDL3(kind string) bool {
	switch kind {
	case "", "subscription-notification":
		return false
	case "transaction", "batch", "history":
		return s&hasRequest == 0
	}
	return s&hasRequest != 0
}

// judgeShape judges the entry that is being read, now or later.
func (r *Reader) judgeShape(s shape) {
	if r.bundle.typ.seen && !r.resumed {
		if s.lacksResource(r.bundle.kind) {
			r.entryIssue(entryResource, 0, "", missingResource)
		}
		if s.breaksBDL3(r.bundle.kind) {
			r.entryIssue(bdl3, 0, "request", "")
		}
		return
	}
	if s&(hasResource|hasRequest|hasResponse) == 0 {
		// No type would make it right.
		r.entryIssue(entryResource, 0, "", missingResource)
		s |= hasResource
	}
	if r.resumed {
		return
	}
	if r.late == nil {
		r.late = new(lateJudge)
	}
	k := &r.late[s]
	k.count++
	if len(k.first) < r.opts.maxIssues {
		k.first = append(k.first, lateEntry{r.entries, r.entry.Line, r.entry.Offset})
	}
}

// judgeLate judges the entries that were read before the type was.
func (r *Reader) judgeLate() {
	if r.late == nil {
		return
	}
	kind := r.bundle.kind
	r.lateIssues(entryResource, "", func(s shape) bool { return s.lacksResource(kind) })
	r.lateIssues(bdl3, "request", func(s shape) bool { return s.breaksBDL3(kind) })
}

func (r *Reader) lateIssues(ru rule, member string, broken func(shape) bool) {
	var all []lateEntry
	var count int64
	for s := range r.late {
		if k := &r.late[s]; k.count > 0 && broken(shape(s)) {
			all = append(all, k.first...)
			count += k.count
		}
	}
	slices.SortFunc(all, func(a, b lateEntry) int { return cmp.Compare(a.index, b.index) })
	if len(all) > r.opts.maxIssues {
		all = all[:r.opts.maxIssues]
	}
	for _, e := range all {
		is := Issue{Path: entryPath(e.index, member), Entry: &e.index, Line: e.line, Offset: e.offset}
		if ru == entryResource {
			is.Message = entryMessage(e.index, missingResource)
		}
		r.report(ru, is)
	}
	r.col.more += count - int64(len(all))
}

const missingResource = "missing 'resource' field"
