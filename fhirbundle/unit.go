package fhirbundle

import (
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// unit scans the value that starts at win.pos, of a name or a value, reading on
// as far as it goes, and returns its end in win.buf. Where it is false reading
// has ended.
func (r *Reader) unit(depth int, kind scan.Marking) (int, bool) {
	w, s := &r.win, &r.scan
	s.Marks.Marking = kind
	for {
		data := w.Buf[w.Pos:]
		cut := len(data) > r.opts.maxEntry
		if cut {
			data = data[:r.opts.maxEntry]
		}
		end, f := s.Value(data, depth, !cut && w.Err == io.EOF)
		switch {
		case f == scan.OK:
			return w.Pos + end, true
		case f != scan.More:
			r.fail(f, w.Pos+end, r.where())
			return 0, false
		case len(data) == r.opts.maxEntry:
			r.fail(scan.LongEntry, w.Pos, r.where())
			return 0, false
		case w.Err != nil || !w.Fill() && w.Err != io.EOF:
			r.failRead(scan.BadEnd)
			return 0, false
		}
	}
}

// bundleText is unit for a name or a string of the Bundle itself. Nearly all are
// short and in memory, and take no more than a look for their end.
func (r *Reader) bundleText() (int, bool) {
	data := r.win.Buf[r.win.Pos:]
	if end := r.scan.ShortString(data[:min(len(data), scan.FirstBlock)], r.opts.maxEntry); end > 0 {
		return r.win.Pos + end, true
	}
	return r.unit(1, scan.MarkNothing)
}

// inside is the index of the entry that is being scanned, if one is.
func (r *Reader) inside() *int64 {
	if r.scan.Marks.Marking != scan.MarkOuter {
		return nil
	}
	i := r.entries
	return &i
}

// where is the path of what is being scanned.
func (r *Reader) where() string {
	switch {
	case r.opts.format != FormatBundle || r.state == atStart || r.state == atTail:
		return ""
	case r.scan.Marks.Marking == scan.MarkOuter && r.scan.Marks.Section == resourceSection:
		return entryPath(r.entries, "resource")
	case r.scan.Marks.Marking == scan.MarkOuter:
		return entryPath(r.entries, "")
	case r.state == atFirstEntry || r.state == atEntryEnd:
		return "Bundle.entry"
	}
	return "Bundle"
}
