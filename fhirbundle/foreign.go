package fhirbundle

import (
	"bytes"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// A payload in another format is reported as such, in one finding, instead of as a syntax
// error at its first byte.

// foreign returns the fault of a payload that starts like another format than JSON in
// UTF-8, or fine. It needs the first four bytes. UTF-16 and UTF-32 without a byte order
// mark are recognized by the zero bytes in their first ASCII characters.
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
	case [...]bool{true, true, false, false}: // a mark of UTF-32
		if start[2] == 0xfe && start[3] == 0xff {
			return scan.IsUTF16
		}
	}
	return scan.OK
}

// foreignBytes is how much of a payload foreign looks at.
const foreignBytes = 4

// aheadOfLines is how far a file is looked at to see that it is one document over
// several lines. It bounds the memory for that.
const aheadOfLines = 64 << 10

// notLines ends reading if what starts with the first line that is not blank is not
// NDJSON but XML, or one JSON document over several lines. That line has the given
// length, and its first character is at win.buf[win.pos+at]. What it reads ahead may
// move the window.
//
// A line that was cut is not taken for such a document, since a broken line must not
// stop the others: the next line has to go on where it ended, and must not be a whole
// object, nor one too long to be seen whole. Where what follows is broken as well, this
// is asked of each next line that may itself be one that was cut.
func (r *Reader) notLines(length, at int) bool {
	w := &r.win
	line := w.Buf[w.Pos+at : w.Pos+length]
	c := line[0]
	switch last := bytes.TrimRight(line, " \t\r"); {
	case c == '<':
		r.fail(scan.IsXML, w.Pos+at, "")
		return true
	case c != '{' && c != '[', last[len(last)-1] == '}' && c == '{', !r.isCut(line):
		return false
	}
	for len(w.Buf)-w.Pos < aheadOfLines && w.Fill() {
	}
	if len(w.Buf)-w.Pos < aheadOfLines && w.Err != io.EOF {
		r.failRead(scan.BadEnd)
		return true
	}
	ahead := w.Buf[w.Pos+at : min(len(w.Buf), w.Pos+aheadOfLines)]
	end, f := r.scan.Value(ahead, 0, true)
	for from, cut := length-at, f != scan.OK; cut; {
		next, size := nextLine(ahead, from)
		line := ahead[next : next+size]
		if size == 0 || f != scan.More && end <= next || r.isObject(line) {
			return false
		}
		if c == '{' && line[0] == '{' && next+size == len(ahead) {
			return false
		}
		from, cut = next+size, f != scan.More && (line[0] == '{' || line[0] == '[') && r.isCut(line)
	}
	r.scan.Marks.Marking = scan.MarkNothing
	r.report(ndjsonLines, Issue{Line: w.LineAt(w.Pos+at) + 1, Offset: w.Offset() + int64(at)})
	r.err = r.Report().Err()
	return true
}

// isCut reports whether text is the start of an object or array.
func (r *Reader) isCut(text []byte) bool {
	r.scan.Marks.Marking = scan.MarkNothing
	_, f := r.scan.Value(text, 0, true)
	return f == scan.More
}

// isObject reports whether text is an object and nothing else.
func (r *Reader) isObject(text []byte) bool {
	if text[0] != '{' {
		return false
	}
	end, f := r.scan.Value(text, 0, true)
	return f == scan.OK && scan.SkipSpace(text, end) == len(text)
}

// nextLine returns where the text of the first line that is not blank starts in data,
// at or after i, and its length: 0 where there is none.
func nextLine(data []byte, i int) (start, size int) {
	start = scan.SkipSpace(data, i)
	size = len(data) - start
	if n := bytes.IndexByte(data[start:], '\n'); n >= 0 {
		size = n
	}
	return start, size
}
