package fhirbundle

import (
	"bytes"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// aheadOfLines is how far a file is read ahead to detect one document over several
// lines.
const aheadOfLines = 64 << 10

// notLines ends reading and returns true if the payload is not NDJSON: if, from the
// first line that is not blank, it is XML, or one JSON document over several lines. That
// line has the given length, and its first character is at input.Buf[input.Pos+at].
// notLines reads ahead, which may move the data in input.
//
// A broken line must not stop the others. A truncated line therefore only counts as the
// start of such a document if the next line continues it, and is neither a whole object
// nor too long to be seen whole. If the document breaks later, the same applies to each
// next line that may itself be truncated.
func (r *Reader) notLines(length, at int) bool {
	w := &r.input
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
		next, size := nextTextLine(ahead, from)
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
	r.addIssue(ndjsonLines, Issue{Line: w.LineAt(w.Pos+at) + 1, Offset: w.Offset() + int64(at)})
	r.err = r.Report().Err()
	return true
}

// isCut reports whether text is the start of an object or array.
func (r *Reader) isCut(text []byte) bool {
	r.scan.Marks.Marking = scan.MarkNothing
	_, f := r.scan.Value(text, 0, true)
	return f == scan.More
}

// isObject reports whether text is one object and nothing else.
func (r *Reader) isObject(text []byte) bool {
	if text[0] != '{' {
		return false
	}
	end, f := r.scan.Value(text, 0, true)
	return f == scan.OK && scan.SkipSpace(text, end) == len(text)
}

// nextTextLine returns the start of the first line in data that is not blank, at or after
// i, without leading white space, and its length, or 0 if there is none.
func nextTextLine(data []byte, i int) (start, size int) {
	start = scan.SkipSpace(data, i)
	size = len(data) - start
	if n := bytes.IndexByte(data[start:], '\n'); n >= 0 {
		size = n
	}
	return start, size
}

// nextLine reads the next line into r.entry. It returns false if the line was blank, or
// if reading has ended.
func (r *Reader) nextLine() bool {
	w := &r.input
	from := 0 // how much of the line was searched already
	for {
		rest := w.Buf[w.Pos+from:]
		if n := bytes.IndexByte(rest, '\n'); n >= 0 {
			return r.line(w.Buf[w.Pos:w.Pos+from+n], 1)
		}
		from += len(rest)
		if from-1 > r.opts.maxEntry { // it may end with a carriage return
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
		r.addIssue(bodyEmpty, Issue{Line: 1})
	}
	r.err = io.EOF
	return false
}

// line reads one line. ending is the length of its line end.
func (r *Reader) line(data []byte, ending int) bool {
	w := &r.input
	size := len(data)
	if ending > 0 && size > 0 && data[size-1] == '\r' {
		data = data[:size-1]
	}
	at, marked := 0, false
	if len(data) > 0 && data[0] == bom[0] && bytes.HasPrefix(data, bom) { // of a file that was appended to another
		at, marked = len(bom), true
	}
	at = scan.SkipSpace(data, at)
	if at == len(data) {
		if marked {
			r.addIssue(jsonBOM, Issue{Message: markedLine, Line: w.LineAt(w.Pos) + 1, Offset: w.Offset()})
		}
		r.blankLines++
		w.Pos += size + ending
		return false
	}
	if r.entries == 0 && !r.resumed && len(data) <= r.opts.maxEntry {
		if r.notLines(len(data), at) {
			return false
		}
		data = w.Buf[w.Pos : w.Pos+len(data)] // notLines may have moved it
	}
	next := w.Pos + size + ending
	r.beginEntry(w.LineAt(w.Pos)+1, int64(len(data)))
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

// endLine completes the entry. The next line starts at input.Buf[next].
func (r *Reader) endLine(next int) {
	w, e := &r.input, &r.entry
	e.Issues = r.issues
	if e.Rejected() {
		r.rejected++
	}
	w.Pos = next
	r.entries++
	r.pos = Position{Offset: w.Offset(), Entries: r.entries, Lines: w.LineAt(next)}
}

// readLine scans a line. Its first byte that is not white space is data[at].
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
	r.readTopResource(data, at, at+end)
}

// lineFault reports a line that is not JSON.
func (r *Reader) lineFault(f scan.Fault, at int) {
	r.lineIssue(ruleOfFault(f), r.faultMessage(f, r.entry.line, r.entry.Offset+int64(at)), at)
}

// lineIssue reports an issue of a line as a whole. at counts from the line's start.
func (r *Reader) lineIssue(ru rule, message string, at int) {
	e := &r.entry
	index := e.Index
	is := r.addIssue(ru, Issue{Message: message, Entry: &index, Line: e.line, Offset: e.Offset + int64(at)})
	if is.Severity != SeverityNone {
		r.issues = append(r.issues, is)
	}
}

const markedLine = "The line starts with a byte order mark, which was skipped"

// longLine skips a line above the limit without holding it in memory.
func (r *Reader) longLine() bool {
	w := &r.input
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
		r.blankLines++
		w.Pos = next
		return false
	}
	r.beginEntry(line, w.Offset()-start)
	r.entry.Offset = start
	if last == '\r' {
		r.entry.Size--
	}
	r.lineFault(scan.LongEntry, 0)
	r.endLine(next)
	return true
}

// document reads the resource of a payload of FormatResource into r.entry. It returns
// false if reading has ended.
func (r *Reader) document() bool {
	w := &r.input
	line := w.KeepLine(w.Pos)
	end, ok := r.scanValue(0, scan.MarkInner)
	if !ok {
		return false
	}
	data := w.Buf[w.Pos:end:end]
	r.beginEntry(line, int64(len(data)))
	if data[0] == '{' {
		r.readTopResource(data, 0, len(data))
	} else {
		r.entryIssue(fhirResourceType, 0, "", "")
	}
	r.entry.Issues = r.issues
	w.Pos = end
	r.entries++
	r.state = atTail
	r.pos = Position{Offset: w.Offset(), Entries: r.entries, Lines: w.KeepLine(end) - 1}
	return true
}

// readTopResource fills r.entry from a resource that was scanned and is not in a Bundle,
// and checks it. The resource is data[at:end]; data starts at input.Pos.
func (r *Reader) readTopResource(data []byte, at, end int) {
	e, value := &r.entry, data[at:]
	e.Resource, e.ResourceOffset = value[:end-at:end-at], e.Offset+int64(at)
	// Marks count from the resource, and issues from input.Pos, which is moved to the
	// resource while it is read.
	r.input.Pos += at
	r.entryData = value
	typ, facts := r.readResource(value, 0)
	if facts&conditional != 0 {
		r.entryIssue(refConditional, r.conditionalAt, "resource", "")
	}
	if r.opts.format == FormatNDJSON {
		r.compareLine(value)
		if facts&refersToURN != 0 {
			r.entryIssue(refURN, r.urnAt, "resource", "")
		}
	}
	for _, found := range r.scan.Findings {
		r.entryIssue(ruleOfKind[found.Kind], found.At, "", "")
	}
	r.input.Pos -= at
	r.collected.more += r.scan.Lost
	if !r.entry.failed && !hasError(r.issues) {
		r.counts.add(typ)
	}
}

// AppendLine appends a resource to dst as one line of NDJSON, without the line feed, and
// returns the extended slice. A resource without line ends is appended unchanged;
// otherwise the white space between tokens is removed, and nothing else changes. The
// resource must be valid JSON, such as [Entry.Resource] of an entry that is not
// rejected.
func AppendLine(dst, resource []byte) []byte {
	if bytes.IndexByte(resource, '\n') < 0 && bytes.IndexByte(resource, '\r') < 0 {
		return append(dst, resource...)
	}
	for i := 0; i < len(resource); {
		switch resource[i] {
		case ' ', '\t', '\r', '\n':
			i = scan.SkipSpace(resource, i)
		case '"':
			end, _ := scan.String(resource, i+1, true)
			end = min(end+1, len(resource))
			dst = append(dst, resource[i:end]...)
			i = end
		default:
			from := i
			for i++; i < len(resource) && resource[i] > ' ' && resource[i] != '"'; i++ {
			}
			dst = append(dst, resource[from:i]...)
		}
	}
	return dst
}
