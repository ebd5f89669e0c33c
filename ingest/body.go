package ingest

import (
	"errors"
	"io"
)

var errBodyLimit = errors.New("body is over its limit")

// bodyReader bounds a body and remembers whether it was read to its end.
type bodyReader struct {
	src   io.Reader
	left  int64
	ended bool
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBodyLimit
	}
	// Reading one byte more than allowed tells a body that is too large from one that
	// just fits.
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

// teeReader is an io.TeeReader that records errors of the writer separately.
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
