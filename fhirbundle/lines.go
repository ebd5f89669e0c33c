package fhirbundle

import (
	"bytes"
	"io"
	"strings"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// nextLine reads the next line that is not blank into r.entry. It is false where
// the line was blank, or where reading has ended.
func (r *Reader) nextLine() bool {
	w := &r.win
	from := 0 // what of the line was searched already
	for {
		rest := w.Buf[w.Pos+from:]
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			return r.line(w.Buf[w.Pos:w.Pos+from+n], 1)
		}
		from += len(rest)
		if from-1 > r.opts.maxEntry { // a carriage return may end it
			return r.longLine()
		}
		if !w.Fill() {
			break
		}
	}
	if w.Err != io.EOF {
		r.failRead(scan.BadEnd)
		return false
	}
	if len(w.Buf) > w.Pos {
		return r.line(w.Buf[w.Pos:], 0)
	}
	if r.entries == 0 && !r.resumed {
		r.report(bodyEmpty, Issue{Line: 1})
	}
	r.err = io.EOF
	return false
}

// line reads one line, which is followed by the given number of bytes of line end.
func (r *Reader) line(data []byte, ending int) bool {
	w := &r.win
	size := len(data)
	if ending > 0 && size > 0 && data[size-1] == '\r' {
		data = data[:size-1]
	}
	at, marked := 0, false
	if len(data) > 0 && data[0] == bom[0] && bytes.HasPrefix(data, bom) { // files that were joined
		at, marked = len(bom), true
	}
	at = scan.SkipSpace(data, at)
	if at == len(data) {
		if marked {
			r.report(jsonBOM, Issue{Message: markedLine, Line: w.LineAt(w.Pos) + 1, Offset: w.Offset()})
		}
		r.blank++
		w.Pos += size + ending
		return false
	}
	if r.entries == 0 && !r.resumed && len(data) <= r.opts.maxEntry {
		if r.notLines(len(data), at) {
			return false
		}
		data = w.Buf[w.Pos : w.Pos+len(data)] // the window may have moved
	}
	next := w.Pos + size + ending
	r.begin(w.LineAt(w.Pos)+1, int64(len(data)))
	if marked {
		r.lineIssue(jsonBOM, markedLine, 0)
	}
	if len(data) > r.opts.maxEntry {
		r.lineFault(scan.LongEntry, 0)
	} else {
		r.readLine(data, at)
	}
	w.PassLine(next-w.Pos, ending)
	r.endLine(next)
	return true
}

// endLine completes the entry; the next line starts at win.buf[next].
func (r *Reader) endLine(next int) {
	w, e := &r.win, &r.entry
	e.Issues = r.issues
	if e.Rejected() {
		r.refused++
	}
	w.Pos = next
	r.entries++
	r.pos = Position{Offset: w.Offset(), Entries: r.entries, Lines: w.LineAt(next)}
}

// readLine scans a line whose first byte that is not white space is data[at].
func (r *Reader) readLine(data []byte, at int) {
	s := &r.scan
	s.Marks.Marking = scan.MarkInner
	value := data[at:]
	end, f := s.Value(value, 0, true)
	if f == scan.More {
		f, end = scan.BadEnd, len(value)
	}
	if f == scan.OK {
		if tail := scan.SkipSpace(value, end); tail < len(value) {
			f, end = scan.FaultAt(value[tail], scan.BadTail), tail
		}
	}
	if f != scan.OK {
		r.lineFault(f, at+end)
		return
	}
	if value[0] != '{' {
		r.lineIssue(ndjsonObject, "The line is "+jsonKind(value[0])+", not an object; each line holds one resource", at)
		return
	}
	r.takeResource(data, at, at+end)
}

// lineFault reports a line that is not JSON.
func (r *Reader) lineFault(f scan.Fault, at int) {
	r.lineIssue(ruleOfFault(f), r.faultMessage(f, r.entry.line, r.entry.Offset+int64(at)), at)
}

// lineIssue reports an issue of a line as a whole; at counts from the line's start.
func (r *Reader) lineIssue(ru rule, message string, at int) {
	e := &r.entry
	index := e.Index
	is := r.report(ru, Issue{Message: message, Entry: &index, Line: e.line, Offset: e.Offset + int64(at)})
	if is.Severity != SeverityNone {
		r.issues = append(r.issues, is)
	}
}

const markedLine = "The line starts with a byte order mark, which was skipped"

// longLine skips a line that is longer than the limit, without holding it.
func (r *Reader) longLine() bool {
	w := &r.win
	start, line := w.Offset(), w.LineAt(w.Pos)+1
	blank, last := true, byte(0)
	for ended := false; !ended; {
		rest := w.Buf[w.Pos:]
		n := bytes.IndexByte(rest, '\n')
		if ended = n >= 0; ended {
			rest = rest[:n]
		}
		if len(rest) > 0 {
			blank = blank && scan.SkipSpace(rest, 0) == len(rest)
			last = rest[len(rest)-1]
		}
		w.Pos += len(rest)
		if !ended && !w.Fill() {
			break
		}
	}
	next := w.Pos
	switch {
	case w.Pos < len(w.Buf): // at the line feed
		next++
	case w.Err != io.EOF:
		r.failRead(scan.BadEnd)
		return false
	default:
		last = 0
	}
	if blank {
		r.blank++
		w.Pos = next
		return false
	}
	r.begin(line, w.Offset()-start)
	r.entry.Offset = start
	if last == '\r' {
		r.entry.Size--
	}
	r.lineFault(scan.LongEntry, 0)
	r.endLine(next)
	return true
}

// linePath is the path of a member of a resource that no Bundle holds.
func linePath(member string) string {
	return "Resource" + strings.TrimPrefix(member, "resource")
}
