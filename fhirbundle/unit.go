package fhirbundle

import "io"

// unit scans the value that starts at win.pos, of a name or a value, reading on
// as far as it goes, and returns its end in win.buf. Where it is false reading
// has ended.
func (r *Reader) unit(depth int, kind marking) (int, bool) {
	w, s := &r.win, &r.scan
	s.marks.kind = kind
	for {
		data := w.buf[w.pos:]
		cut := len(data) > r.opts.maxEntry
		if cut {
			data = data[:r.opts.maxEntry]
		}
		end, f := s.value(data, depth, !cut && w.err == io.EOF)
		switch {
		case f == fine:
			return w.pos + end, true
		case f != more:
			r.fail(f, w.pos+end, r.where())
			return 0, false
		case len(data) == r.opts.maxEntry:
			r.fail(longEntry, w.pos, r.where())
			return 0, false
		case w.err != nil || !w.more() && w.err != io.EOF:
			r.failRead(badEnd)
			return 0, false
		}
	}
}

// bundleText is unit for a name or a string of the Bundle itself. Nearly all are
// short and in memory, and take no more than a look for their end.
func (r *Reader) bundleText() (int, bool) {
	data := r.win.buf[r.win.pos:]
	if end := r.scan.shortText(data[:min(len(data), firstBlock)], r.opts.maxEntry); end > 0 {
		return r.win.pos + end, true
	}
	return r.unit(1, markNothing)
}

// inside is the index of the entry that is being scanned, if one is.
func (r *Reader) inside() *int64 {
	if r.scan.marks.kind != markOuter {
		return nil
	}
	i := r.entries
	return &i
}

// where is the path of what is being scanned.
func (r *Reader) where() string {
	switch {
	case r.opts.format != Bundle || r.state == atStart || r.state == atTail:
		return ""
	case r.scan.marks.kind == markOuter && r.scan.marks.section == resourceSection:
		return entryPath(r.entries, "resource")
	case r.scan.marks.kind == markOuter:
		return entryPath(r.entries, "")
	case r.state == atFirstEntry || r.state == atEntryEnd:
		return "Bundle.entry"
	}
	return "Bundle"
}
