package fhirbundle

import "math/bits"

// lateJudge judges entries before the Bundle's type is known: by each type that it
// may turn out to be. Of the findings of each it keeps as many as can be listed,
// and how many there are.
type lateJudge struct {
	used  bool
	index [bundleKinds + 1][len(typeRules)]uint16 // by lateIndex and rule: in found, from 1
	found []lateFound

	facts    facts // of the entry before
	verdicts [bundleKinds + 1]verdict
}

type lateFound struct {
	count int64
	first []lateEntry
}

type lateEntry struct {
	index, line, offset int64
}

// reset forgets the entries and keeps some memory.
func (l *lateJudge) reset() {
	if !l.used {
		return
	}
	kept := 0
	for _, f := range l.found {
		kept += cap(f.first) * lateBytes
	}
	if kept > maxKept {
		l.found = nil
	}
	*l = lateJudge{found: l.found[:0]}
}

const lateBytes = 24 // of a lateEntry

// lateIndex is the place of a kind in the tables of lateJudge; 0 is no kind.
func lateIndex(k kinds) int { return bits.Len16(uint16(k)) }

func (r *Reader) judgeLater(f facts, e lateEntry) {
	if r.late == nil {
		r.late = new(lateJudge)
	}
	l := r.late
	if !l.used || l.facts != f {
		l.used, l.facts = true, f
		l.verdicts[0] = f.judge(0, r.opts.version)
		for k := kinds(1); k < 1<<bundleKinds; k <<= 1 {
			l.verdicts[lateIndex(k)] = f.judge(k, r.opts.version)
		}
	}
	for k, v := range l.verdicts {
		for ; v != 0; v &= v - 1 {
			i := bits.TrailingZeros64(uint64(v))
			if r.col.severity.of[typeRules[i].rule] == SeverityNone {
				continue
			}
			at := &l.index[k][i]
			if *at == 0 {
				*at = l.more()
			}
			found := &l.found[*at-1]
			if found.count++; len(found.first) < r.opts.maxIssues {
				found.first = append(found.first, e)
			}
		}
	}
}

// more is the place, from 1, of one more of found, whose memory may have been used
// before.
func (l *lateJudge) more() uint16 {
	if n := len(l.found); n < cap(l.found) {
		l.found = l.found[:n+1]
		l.found[n] = lateFound{first: l.found[n].first[:0]}
	} else {
		l.found = append(l.found, lateFound{})
	}
	return uint16(len(l.found))
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
		r.judgeLater(f, lateEntry{r.entries, r.entry.line, r.entry.Offset})
	default:
		if f != r.judged.facts || !r.judged.ok {
			r.judged.facts, r.judged.verdict, r.judged.ok = f, f.judge(r.bundle.in, r.opts.version), true
		}
		for v := r.judged.verdict; v != 0; v &= v - 1 {
			r.typeIssue(bits.TrailingZeros64(uint64(v)))
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
	case refQuery:
		at = r.oddQuery
	default:
		if t.member != nowhere {
			at = max(r.scan.Marks.Value(r.entryData, t.member), 0)
		}
	}
	r.entryIssue(t.rule, at, t.path, message)
}

// judgeLate judges the entries that were read before the type was.
func (r *Reader) judgeLate() {
	if r.late == nil || !r.late.used {
		return
	}
	for i, at := range r.late.index[lateIndex(r.bundle.in)] {
		if at == 0 {
			continue
		}
		t, found := &typeRules[i], &r.late.found[at-1]
		for _, e := range found.first {
			is := Issue{Path: entryPath(e.index, t.path), Entry: &e.index, Line: r.win.LineOf(e.line, e.offset), Offset: e.offset}
			if t.rule == entryResource {
				is.Message = entryMessage(e.index, missingResource)
			}
			r.report(t.rule, is)
		}
		r.col.more += found.count - int64(len(found.first))
	}
}

const missingResource = "missing 'resource' field"
