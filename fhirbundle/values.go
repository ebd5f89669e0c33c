package fhirbundle

import (
	"bytes"
	"fmt"
	"io"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

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

// text returns the text of a marked member that is a string, and the position of its
// value: nil if it is not a string, and -1 if it is missing. Text with escapes is
// unescaped into r.texts[k].
func (r *Reader) text(data []byte, p scan.Place, k int) ([]byte, int) {
	at := r.scan.Marks.Value(data, p)
	if at < 0 || data[at] != '"' {
		return nil, at
	}
	end, plain := scan.StringEnd(data, at+1)
	text := data[at+1 : end : end]
	if !plain {
		n := len(r.texts[k])
		r.texts[k] = scan.Unescape(r.texts[k], text)
		text = r.texts[k][n:len(r.texts[k]):len(r.texts[k])]
	}
	return text, at
}

// plainAt returns the text of the string at data[i] without escapes, or nil if the value
// is not a string.
func (r *Reader) plainAt(data []byte, i int) []byte {
	if data[i] != '"' {
		return nil
	}
	end, plain := scan.StringEnd(data, i+1)
	text := data[i+1 : end : end]
	if !plain {
		r.scratch = scan.Unescape(r.scratch[:0], text)
		text = r.scratch
	}
	return text
}

// plain returns text, as written in a string, without escapes.
func (r *Reader) plain(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	r.scratch = scan.Unescape(r.scratch[:0], text)
	return r.scratch
}

// letters returns the number of letters that text starts with.
func letters(text []byte) int {
	for i, c := range text {
		if c|0x20-'a' >= 26 {
			return i
		}
	}
	return len(text)
}

// versionID returns meta.versionId of the entry's resource, or nil.
func (r *Reader) versionID(data []byte) []byte {
	at := r.scan.Marks.Value(data, placeMeta)
	if at < 0 || data[at] != '{' {
		return nil
	}
	if first := scan.SkipSpace(data, at+1); bytes.HasPrefix(data[first:], versionFirst) { // as in nearly all
		if version := scan.StringAt(data, scan.SkipSpace(data, first+len(versionFirst))); version != nil {
			return version
		}
	}
	var version []byte
	scan.Members(data, at, func(name []byte, value int) bool {
		if string(name) == "versionId" {
			version = scan.StringAt(data, value)
		}
		return version == nil
	})
	return version
}

var versionFirst = []byte(`"versionId":`)

// memberAt is the position of a member.
type memberAt struct {
	seen   bool
	line   int64 // as KeepLine returned it
	offset int64
}

func (r *Reader) here() memberAt {
	return memberAt{true, r.input.KeepLine(r.input.Pos), r.input.Offset()}
}

// lineOf returns the line of a member, from 1. It is 1 for a member that is missing.
func (r *Reader) lineOf(at memberAt) int64 {
	if !at.seen {
		return 1
	}
	return r.input.LineOf(at.line, at.offset)
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
