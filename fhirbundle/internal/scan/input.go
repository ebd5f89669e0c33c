package scan

import (
	"bytes"
	"io"
)

const (
	FirstBlock = 4 << 10   // the size of the first read
	lookAhead  = 32 << 10  // how far line feeds are searched ahead
	Block      = 256 << 10 // the size of reads from a large payload
)

// Input is the part of a payload that is in memory: all of it, or, of a stream, the value
// that is being scanned and at most a block, or as much again, after it.
type Input struct {
	Src  io.Reader // nil if Buf is the whole payload
	Buf  []byte
	Pos  int   // index in Buf of the next byte to read
	Base int64 // offset of Buf[0] in the document
	Err  error // why nothing more can be read: io.EOF, or the error of Src
	Max  int   // the longest value that is allowed
	Step int   // the size of reads: Block, except in tests

	Lines   int64 // line feeds before Buf[counted]
	counted int
	clear   int // there are none in Buf[counted:clear]
}

// Offset returns the offset of Buf[Pos] in the document.
func (w *Input) Offset() int64 { return w.Base + int64(w.Pos) }

// Fill reads more, and keeps Buf from Pos on. It returns false if it read nothing: Err
// says why. It at least doubles what it keeps, so that a value that is scanned again each
// time takes linear time. Otherwise it reads one block, however large the buffer is,
// because the caller waits for it.
func (w *Input) Fill() bool {
	if w.Err != nil {
		return false
	}
	w.LineAt(w.Pos)
	kept := len(w.Buf) - w.Pos
	size := cap(w.Buf)
	switch {
	case size == 0:
		size = min(FirstBlock, w.Step)
	case size < w.Step && len(w.Buf) > 0: // an empty buffer is from an earlier payload
		size = min(8*size, w.Step)
	case size-kept < kept:
		size = 2 * kept
		// A sum could overflow an int of 32 bits.
		if size-w.Step > w.Max && kept-w.Step < w.Max {
			size = w.Max + w.Step
		}
	}
	if size > cap(w.Buf) {
		buf := make([]byte, kept, size)
		copy(buf, w.Buf[w.Pos:])
		w.Buf = buf
	} else {
		copy(w.Buf[:kept], w.Buf[w.Pos:])
		w.Buf = w.Buf[:kept]
	}
	w.Base += int64(w.Pos)
	w.Pos, w.counted, w.clear = 0, 0, 0
	full := min(cap(w.Buf), max(2*kept, w.Step))
	for idle := 0; len(w.Buf) < full && w.Err == nil; {
		n, err := w.Src.Read(w.Buf[len(w.Buf):full])
		w.Buf = w.Buf[:len(w.Buf)+n]
		w.Err = err
		if idle++; n > 0 {
			idle = 0
		} else if idle == 100 && err == nil {
			w.Err = io.ErrNoProgress
		}
	}
	return len(w.Buf) > kept
}

// Peek skips white space and returns the next byte, or false if there is none: Err says
// why.
func (w *Input) Peek() (byte, bool) {
	for {
		if w.Pos < len(w.Buf) {
			if c := w.Buf[w.Pos]; c > ' ' {
				return c, true
			}
			if w.Pos = SkipSpace(w.Buf, w.Pos); w.Pos < len(w.Buf) {
				return w.Buf[w.Pos], true
			}
		}
		if !w.Fill() {
			return 0, false
		}
	}
}

// LineAt returns the number of line feeds before Buf[i]. It counts those between i and
// the index of the previous call.
func (w *Input) LineAt(i int) int64 {
	if i < w.counted {
		w.Lines -= int64(bytes.Count(w.Buf[i:w.counted], newline))
		w.clear = i
	} else if i > w.clear {
		w.count(i)
	}
	w.counted = i
	return w.Lines
}

// KeepLine returns the line of Buf[i], from 1, for a later LineOf. It returns 0 if the
// whole payload is in memory, because LineOf can count the lines then.
func (w *Input) KeepLine(i int) int64 {
	if w.Src == nil {
		return 0
	}
	return w.LineAt(i) + 1
}

// LineOf returns the line at an offset, from 1. line is what KeepLine returned there.
func (w *Input) LineOf(line, offset int64) int64 {
	if w.Src == nil && line == 0 {
		line = w.LineAt(int(offset-w.Base)) + 1
	}
	return line
}

// count counts the line feeds in Buf[counted:i]. It remembers how far there are none, so
// that compact documents are searched only once.
func (w *Input) count(i int) {
	ahead := w.Buf[w.counted:min(max(i, w.counted+lookAhead), len(w.Buf))]
	n := bytes.IndexByte(ahead, '\n')
	if n < 0 {
		n = len(ahead)
	}
	if w.clear = w.counted + n; w.clear < i {
		w.Lines += int64(bytes.Count(w.Buf[w.clear:i], newline))
	}
}

// PassLine tells LineAt that the next n bytes are one line, and whether they end with a
// line feed: ended is 1 or 0.
func (w *Input) PassLine(n, ended int) {
	if w.counted >= w.Pos && w.counted < w.Pos+n {
		w.Lines += int64(ended)
		w.counted = w.Pos + n
	}
}

var newline = []byte{'\n'}
