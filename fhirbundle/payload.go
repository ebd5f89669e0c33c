package fhirbundle

import (
	"bytes"
	"fmt"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// failRead ends reading because src ended or failed. atEnd is the fault if it ended.
func (r *Reader) failRead(atEnd scan.Fault) {
	w := &r.input
	if w.Err == io.EOF {
		w.Pos = len(w.Buf)
		r.fail(atEnd, w.Pos, r.path())
		return
	}
	r.err = fmt.Errorf("fhirbundle: reading the payload at byte %d: %w", w.Base+int64(len(w.Buf)), w.Err)
}

// fail ends reading because of the byte at input.Buf[at].
func (r *Reader) fail(f scan.Fault, at int, path string) {
	w := &r.input
	line := w.LineAt(at) + 1
	r.addIssue(ruleOfFault(f), Issue{
		Message: r.faultMessage(f, line, w.Base+int64(at)),
		Path:    path, Entry: r.entryIndex(), Line: line, Offset: w.Base + int64(at),
	})
	r.err = r.Report().Err()
}

func (r *Reader) faultMessage(f scan.Fault, line, offset int64) string {
	text := f.Text()
	switch f {
	case scan.TooDeep:
		text += fmt.Sprintf(" (%d levels are allowed)", r.opts.maxDepth)
	case scan.LongString:
		text += fmt.Sprintf(" of %d bytes", r.opts.maxString)
	case scan.ManyNames:
		text += fmt.Sprintf(" of %d", r.opts.maxNames())
	case scan.LongEntry:
		text += fmt.Sprintf(" of %d bytes", r.opts.maxEntry)
	}
	return fmt.Sprintf("Invalid JSON: %s, at line %d, byte offset %d", text, line, offset)
}

// A payload in another format gets one finding that names the format, instead of a syntax
// error at its first byte.

// foreign returns the fault of a payload that starts like another format than JSON in
// UTF-8, or OK. It needs the first foreignBytes bytes. UTF-16 and UTF-32 without a byte
// order mark are recognized by the zero bytes in their first ASCII characters.
func foreign(start []byte) scan.Fault {
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return scan.IsGzip
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return scan.IsZip
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}):
		return scan.IsUTF16
	case len(start) < foreignBytes:
		return scan.OK
	}
	var zeros [foreignBytes]bool
	for i := range zeros {
		zeros[i] = start[i] == 0
	}
	switch zeros {
	case [...]bool{true, false, true, false}, [...]bool{false, true, false, true}, [...]bool{true, true, true, false}, [...]bool{false, true, true, true}:
		return scan.IsUTF16
	case [...]bool{true, true, false, false}: // a byte order mark of UTF-32
		if start[2] == 0xfe && start[3] == 0xff {
			return scan.IsUTF16
		}
	}
	return scan.OK
}

// foreignBytes is how much of a payload foreign needs.
const foreignBytes = 4

// scanValue scans the value, or name, that starts at input.Pos, reads on as needed, and
// returns its end in input.Buf. It returns false if reading has ended.
func (r *Reader) scanValue(depth int, kind scan.Marking) (int, bool) {
	w, s := &r.input, &r.scan
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
			r.fail(f, w.Pos+end, r.path())
			return 0, false
		case len(data) == r.opts.maxEntry:
			r.fail(scan.LongEntry, w.Pos, r.path())
			return 0, false
		case w.Err != nil || !w.Fill() && w.Err != io.EOF:
			r.failRead(scan.BadEnd)
			return 0, false
		}
	}
}

// scanText is scanValue for a name or a string of the Bundle itself. Nearly all are
// short and in memory, so that only their end must be found.
func (r *Reader) scanText() (int, bool) {
	data := r.input.Buf[r.input.Pos:]
	if end := r.scan.ShortString(data[:min(len(data), scan.FirstBlock)], r.opts.maxEntry); end > 0 {
		return r.input.Pos + end, true
	}
	return r.scanValue(1, scan.MarkNothing)
}

// entryIndex returns the index of the entry that is being scanned, or nil.
func (r *Reader) entryIndex() *int64 {
	if r.scan.Marks.Marking != scan.MarkOuter {
		return nil
	}
	i := r.entries
	return &i
}

// path returns the path of the value that is being scanned.
func (r *Reader) path() string {
	switch {
	case r.opts.format != FormatBundle || r.state == atStart || r.state == atTail:
		return ""
	case r.scan.Marks.Marking == scan.MarkOuter && r.scan.Marks.Section == sectionResource:
		return entryPath(r.entries, "resource")
	case r.scan.Marks.Marking == scan.MarkOuter:
		return entryPath(r.entries, "")
	case r.state == atFirstEntry || r.state == atEntryEnd:
		return "Bundle.entry"
	}
	return "Bundle"
}

var bom = []byte("\xef\xbb\xbf")

// start reads to the first byte of the document.
func (r *Reader) start() {
	w := &r.input
	for len(w.Buf)-w.Pos < foreignBytes && w.Fill() {
	}
	if rest := w.Buf[w.Pos:]; len(rest) < len(bom) && w.Err != io.EOF && bytes.HasPrefix(bom, rest) {
		r.failRead(scan.BadEnd) // this may be half of a mark
		return
	}
	if bytes.HasPrefix(w.Buf[w.Pos:], bom) {
		r.addIssue(jsonBOM, Issue{Line: 1})
		w.Pos += len(bom)
	}
	if f := foreign(w.Buf[w.Pos:]); f != scan.OK {
		r.fail(f, w.Pos, "")
		return
	}
	if r.opts.format == FormatNDJSON {
		r.state = atLine
		return
	}
	c, ok := w.Peek()
	switch {
	case !ok && w.Err == io.EOF:
		r.addIssue(bodyEmpty, Issue{Line: 1})
		r.err = r.Report().Err()
	case !ok:
		r.failRead(scan.BadEnd)
	case c == '<':
		r.fail(scan.IsXML, w.Pos, "")
	case r.opts.format == FormatResource:
		r.state = atDocument
	case c == '{':
		w.Pos++
		r.openBundle()
		r.state = atMember
	default:
		at, line := w.Offset(), w.LineAt(w.Pos)+1
		if end, ok := r.scanValue(0, scan.MarkNothing); ok {
			r.addIssue(bundleResourceType, Issue{Message: "Expected resourceType 'Bundle', got " + jsonKind(c), Line: line, Offset: at})
			r.bundle.notObject = true
			r.input.Pos = end
			r.state = atTail
		}
	}
}

// tail reads to the end, and checks the Bundle as a whole.
func (r *Reader) tail() {
	w := &r.input
	c, ok := w.Peek()
	if ok {
		r.fail(scan.FaultAt(c, scan.BadTail), w.Pos, "")
		return
	}
	if w.Err != io.EOF {
		r.failRead(scan.BadEnd)
		return
	}
	if !r.resumed && r.opts.format == FormatBundle {
		r.checkBundle()
	}
	r.err = io.EOF
}

// jsonKind names the kind of value that starts with c.
func jsonKind(c byte) string {
	switch c {
	case '[':
		return "a JSON array"
	case '"':
		return "a JSON string"
	case 't', 'f':
		return "a JSON boolean"
	case 'n':
		return "JSON null"
	}
	return "a JSON number"
}
