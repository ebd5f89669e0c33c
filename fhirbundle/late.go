package fhirbundle

import (
	"cmp"
	"math/bits"
	"slices"
)

// Where the Bundle's type stands behind its entries, they are remembered by their
// facts until it is known: of the same facts the first entries, as many as issues
// can be listed, and how many there are.
type lateJudge struct {
	index map[facts]int
	seen  []lateFacts
	last  int // of seen
}

type lateFacts struct {
	facts facts
	count int64
	first []lateEntry
}

type lateEntry struct {
	index, line, offset int64
}

func (l *lateJudge) add(f facts, e lateEntry, most int) {
	if len(l.seen) == 0 || l.seen[l.last].facts != f {
		at, ok := l.index[f]
		if !ok {
			if l.index == nil {
				l.index = map[facts]int{}
			}
			at = len(l.seen)
			l.index[f] = at
			l.seen = append(l.seen, lateFacts{facts: f})
		}
		l.last = at
	}
	k := &l.seen[l.last]
	k.count++
	if len(k.first) < most {
		k.first = append(k.first, e)
	}
}

// judgeFacts judges the entry that is being read, now or later.
func (r *Reader) judgeFacts(f facts) {
	const anything = hasResource | hasRequest | hasResponse
	if f&anything == 0 {
		r.entryIssue(bdl5, 0, "", "")
		if r.resumed || !r.bundle.typ.seen {
			// No type would make it right.
			r.entryIssue(entryResource, 0, "", missingResource)
			f |= hasResource
		}
	}
	switch {
	case r.resumed: // it was judged before
	case !r.bundle.typ.seen:
		if r.late == nil {
			r.late = new(lateJudge)
		}
		r.late.add(f, lateEntry{r.entries, r.entry.line, r.entry.Offset}, r.opts.maxIssues)
	default:
		if f != r.judged.facts || !r.judged.ok {
			r.judged.facts, r.judged.verdict, r.judged.ok = f, f.judge(r.bundle.in, r.opts.version), true
		}
		for v := r.judged.verdict; v != 0; v &= v - 1 {
			r.typeIssue(bits.TrailingZeros32(uint32(v)))
		}
	}
}

// typeIssue reports an issue of the entry that is being read, of typeRules[i].
func (r *Reader) typeIssue(i int) {
	t := &typeRules[i]
	at, message := 0, ""
	switch t.rule {
	case entryResource:
		message = missingResource
	case refConditional:
		at = r.conditional
	default:
		if t.member != nowhere {
			at = max(r.scan.marks.start(r.entryData, t.member), 0)
		}
	}
	r.entryIssue(t.rule, at, t.path, message)
}

// judgeLate judges the entries that were read before the type was.
func (r *Reader) judgeLate() {
	if r.late == nil {
		return
	}
	verdicts := make([]verdict, len(r.late.seen))
	for i, k := range r.late.seen {
		verdicts[i] = k.facts.judge(r.bundle.in, r.opts.version)
	}
	for i, t := range typeRules {
		var all []lateEntry
		var count int64
		for k, v := range verdicts {
			if v&(1<<i) != 0 {
				all = append(all, r.late.seen[k].first...)
				count += r.late.seen[k].count
			}
		}
		slices.SortFunc(all, func(a, b lateEntry) int { return cmp.Compare(a.index, b.index) })
		if len(all) > r.opts.maxIssues {
			all = all[:r.opts.maxIssues]
		}
		if r.col.severity[t.rule] == None {
			continue
		}
		for _, e := range all {
			is := Issue{Path: entryPath(e.index, t.path), Entry: &e.index, Line: r.win.lineOf(e.line, e.offset), Offset: e.offset}
			if t.rule == entryResource {
				is.Message = entryMessage(e.index, missingResource)
			}
			r.report(t.rule, is)
		}
		r.col.more += count - int64(len(all))
	}
}

const missingResource = "missing 'resource' field"
