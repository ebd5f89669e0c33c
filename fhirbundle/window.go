package fhirbundle

import (
	"bytes"
	"io"
)

const (
	firstBlock = 4 << 10 // what a small payload costs
	lookAhead  = 32 << 10
	block      = 256 << 10 // what is read at once once it proved to be large
)

// window is the part of a payload that is in memory. Where it reads a stream
// it holds what is being scanned and at most a block or as much again after it.
type window struct {
	src  io.Reader // nil where buf is the whole payload
	buf  []byte    // what is in memory
	pos  int       // how much of buf is done with
	base int64     // offset of buf[0] in the document
	err  error     // why there is no more: io.EOF, or what src returned
	max  int       // how long one value may be
	step int       // how much is read at once: block, but for tests

	lines   int64 // line feeds before buf[counted]
	counted int
	clear   int // there are none from buf[counted] to buf[clear]
}

func (w *window) offset() int64 { return w.base + int64(w.pos) }

// more reads on, keeping what stands at and after pos. It is false where
// nothing was added: w.err says why. It at least doubles what is kept, so that
// a value that is scanned again each time is scanned in linear time. Otherwise
// it reads a block, even into a buffer that a large value has made longer:
// what is read ahead is waited for.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	w.lineAt(w.pos)
	kept := len(w.buf) - w.pos
	size := cap(w.buf)
	switch {
	case size == 0:
		size = min(firstBlock, w.step)
	case size < w.step && len(w.buf) > 0: // or it is one that a payload before left
		size = min(8*size, w.step)
	case size-kept < kept:
		size = 2 * kept
		// Differences, since a sum may be too much for an int of 32 bits.
		if size-w.step > w.max && kept-w.step < w.max {
			size = w.max + w.step
		}
	}
	if size > cap(w.buf) {
		buf := make([]byte, kept, size)
		copy(buf, w.buf[w.pos:])
		w.buf = buf
	} else {
		copy(w.buf[:kept], w.buf[w.pos:])
		w.buf = w.buf[:kept]
	}
	w.base += int64(w.pos)
	w.pos, w.counted, w.clear = 0, 0, 0
	full := min(cap(w.buf), max(2*kept, w.step))
	for idle := 0; len(w.buf) < full && w.err == nil; {
		n, err := w.src.Read(w.buf[len(w.buf):full])
		w.buf = w.buf[:len(w.buf)+n]
		w.err = err
		if idle++; n > 0 {
			idle = 0
		} else if idle == 100 && err == nil {
			w.err = io.ErrNoProgress
		}
	}
	return len(w.buf) > kept
}

// peek returns the next byte that is not white space, or false at the end of
// what can be read.
func (w *window) peek() (byte, bool) {
	for {
		if w.pos < len(w.buf) {
			if c := w.buf[w.pos]; c > ' ' {
				return c, true
			}
			if w.pos = skipSpace(w.buf, w.pos); w.pos < len(w.buf) {
				return w.buf[w.pos], true
			}
		}
		if !w.more() {
			return 0, false
		}
	}
}

// lineAt returns the number of line feeds before buf[i]. What lies between two
// places that are asked for one after the other is looked at.
func (w *window) lineAt(i int) int64 {
	if i < w.counted {
		w.lines -= int64(bytes.Count(w.buf[i:w.counted], newline))
		w.clear = i
	} else if i > w.clear {
		w.count(i)
	}
	w.counted = i
	return w.lines
}

// keepLine returns the line, from 1, of buf[i], which lineOf gives later: 0 where that
// can still count, since the payload stays in memory.
func (w *window) keepLine(i int) int64 {
	if w.src == nil {
		return 0
	}
	return w.lineAt(i) + 1
}

// lineOf returns the line, from 1, at an offset of which keepLine returned line.
func (w *window) lineOf(line, offset int64) int64 {
	if w.src == nil && line == 0 {
		line = w.lineAt(int(offset-w.base)) + 1
	}
	return line
}

// count counts the line feeds from buf[counted] to buf[i]. Where there is none for
// long, as in compact documents, they are looked for only once.
func (w *window) count(i int) {
	ahead := w.buf[w.counted:min(max(i, w.counted+lookAhead), len(w.buf))]
	n := bytes.IndexByte(ahead, '\n')
	if n < 0 {
		n = len(ahead)
	}
	if w.clear = w.counted + n; w.clear < i {
		w.lines += int64(bytes.Count(w.buf[w.clear:i], newline))
	}
}

// pass says that of the next n bytes only the last one may be a line feed, and
// whether it is, so that lineAt need not look.
func (w *window) pass(n, ended int) {
	if w.counted >= w.pos && w.counted < w.pos+n {
		w.lines += int64(ended)
		w.counted = w.pos + n
	}
}

var newline = []byte{'\n'}
