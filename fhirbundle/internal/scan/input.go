package scan

import (
	"bytes"
	"io"
)

const (
	FirstBlock = 4 << 10 // what a small payload costs
	lookAhead  = 32 << 10
	Block      = 256 << 10 // what is read at once once it proved to be large
)

// window is the part of a payload that is in memory. Where it reads a stream
// it holds what is being scanned and at most a block or as much again after it.
type Input struct {
	Src  io.Reader // nil where buf is the whole payload
	Buf  []byte    // what is in memory
	Pos  int       // how much of buf is done with
	Base int64     // offset of buf[0] in the document
	Err  error     // why there is no more: io.EOF, or what src returned
	Max  int       // how long one value may be
	Step int       // how much is read at once: block, but for tests

	Lines   int64 // line feeds before buf[counted]
	counted int
	clear   int // there are none from buf[counted] to buf[clear]
}

func (w *Input) Offset() int64 { return w.Base + int64(w.Pos) }

// more reads on, keeping what stands at and after pos. It is false where
// nothing was added: w.err says why. It at least doubles what is kept, so that
// a value that is scanned again each time is scanned in linear time. Otherwise
// it reads a block, even into a buffer that a large value has made longer:
// what is read ahead is waited for.
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
	case size < w.Step && len(w.Buf) > 0: // or it is one that a payload before left
		size = min(8*size, w.Step)
	case size-kept < kept:
		size = 2 * kept
		// Differences, since a sum may be too much for an int of 32 bits.
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

// peek returns the next byte that is not white space, or false at the end of
// what can be read.
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

// lineAt returns the number of line feeds before buf[i]. What lies between two
// places that are asked for one after the other is looked at.
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

// keepLine returns the line, from 1, of buf[i], which lineOf gives later: 0 where that
// can still count, since the payload stays in memory.
func (w *Input) KeepLine(i int) int64 {
	if w.Src == nil {
		return 0
	}
	return w.LineAt(i) + 1
}

// lineOf returns the line, from 1, at an offset of which keepLine returned line.
func (w *Input) LineOf(line, offset int64) int64 {
	if w.Src == nil && line == 0 {
		line = w.LineAt(int(offset-w.Base)) + 1
	}
	return line
}

// count counts the line feeds from buf[counted] to buf[i]. Where there is none for
// long, as in compact documents, they are looked for only once.
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

// pass says that of the next n bytes only the last one may be a line feed, and
// whether it is, so that lineAt need not look.
func (w *Input) PassLine(n, ended int) {
	if w.counted >= w.Pos && w.counted < w.Pos+n {
		w.Lines += int64(ended)
		w.counted = w.Pos + n
	}
}

var newline = []byte{'\n'}
