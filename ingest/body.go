package ingest

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

var errBodyLimit = errors.New("body above its limit")

// bodyReader bounds a body and remembers whether its end was seen.
type bodyReader struct {
	src   io.Reader
	left  int64
	ended bool
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBodyLimit
	}
	// One byte more than is allowed tells a body that is too large from one
	// that just fits.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, errBodyLimit
	}
	if err == io.EOF {
		b.ended = true
	}
	return n, err
}

// teeReader is an io.TeeReader that keeps apart who failed.
type teeReader struct {
	src      io.Reader
	dst      io.Writer
	writeErr error
}

func (t *teeReader) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	if n > 0 {
		if _, werr := t.dst.Write(p[:n]); werr != nil {
			t.writeErr = werr
			return n, werr
		}
	}
	return n, err
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// putBuffer keeps ordinary buffers only, so that the pool does not hold on to
// the largest body there ever was.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= 4<<20 {
		buffers.Put(b)
	}
}
