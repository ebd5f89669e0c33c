package fhirbundle

import (
	"bytes"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

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
