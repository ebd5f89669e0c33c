package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
)

// spoolMemory is the largest body that is held in memory, in bytes. A larger one is
// written to a file.
const spoolMemory = 64 << 10

// spools keep the bodies of webhooks until their signatures have been verified.
type spools struct {
	folder string // of the files; empty for the system's
	limit  int64  // bytes of one body
	most   int64  // bytes of all bodies together
	used   atomic.Int64
}

// newSpools fails if the largest body would never fit, or if no file can be created.
func newSpools(folder string, limit, most int64) (*spools, error) {
	s := &spools{folder: folder, limit: limit, most: most}
	if most == 0 {
		s.most = 4 * limit
	}
	if s.files() < limit {
		return nil, fmt.Errorf("httpapi: Options.MaxUnverifiedBytes must be at least %d, for one webhook of the Service's %d bytes", (limit+2)/3*4, limit)
	}
	file, name, err := s.create()
	if err != nil {
		return nil, fmt.Errorf("httpapi: no file can be created in Options.SpoolFolder: %w", err)
	}
	remove(file, name)
	return s, nil
}

// files returns how many bytes bodies in files may take. The rest is reserved for bodies
// that fit in memory, so that a few large unverified bodies don't keep small ones out.
func (s *spools) files() int64 { return s.most / 4 * 3 }

// create creates a file that only this user can read. If the system allows it, the file is
// unlinked at once and name is empty.
func (s *spools) create() (file *os.File, name string, err error) {
	if file, err = os.CreateTemp(s.folder, "fhirdock-webhook-*"); err != nil {
		return nil, "", err
	}
	if os.Remove(file.Name()) != nil {
		name = file.Name()
	}
	return file, name, nil
}

func remove(file *os.File, name string) {
	_ = file.Close() // only this process reads it
	if name != "" {
		_ = os.Remove(name)
	}
}

// spooled is a complete body. Close removes it.
type spooled struct {
	io.Reader
	of   *spools
	size int64
	buf  []byte
	file *os.File // nil if buf has the whole body
	name string
}

// errBody is matched by the errors of an incomplete or too large body.
var (
	errBody      = errors.New("the body is incomplete")
	errBodyLarge = fmt.Errorf("%w: it is larger than the Service's MaxBodyBytes", errBody)
)

// take reads a body to its end, and also into hash. Errors: errBody, or one to be answered
// with a 503.
func (s *spools) take(body io.Reader, hash io.Writer) (_ *spooled, err error) {
	b := &spooled{of: s, buf: make([]byte, 0, 4<<10)}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	for {
		if len(b.buf) == cap(b.buf) {
			if err := b.room(); err != nil {
				return nil, err
			}
		}
		n, err := body.Read(b.buf[len(b.buf):cap(b.buf)])
		b.buf = b.buf[:len(b.buf)+n]
		_, _ = hash.Write(b.buf[len(b.buf)-n:]) // a hash never fails
		if err := b.add(n); err != nil {
			return nil, err
		}
		switch {
		case err == io.EOF:
			return b, b.rewind()
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errBody, err)
		}
	}
}

// room makes room in the buffer when it is full.
func (b *spooled) room() (err error) {
	if len(b.buf) < spoolMemory {
		b.buf = slices.Grow(b.buf, min(len(b.buf), spoolMemory-len(b.buf)))
		return nil
	}
	if b.file == nil {
		if b.file, b.name, err = b.of.create(); err != nil {
			return unspooled(err)
		}
	}
	return b.flush()
}

func (b *spooled) flush() error {
	if _, err := b.file.Write(b.buf); err != nil {
		return unspooled(err)
	}
	b.buf = b.buf[:0]
	return nil
}

// add counts received bytes.
func (b *spooled) add(n int) error {
	b.size += int64(n)
	if b.size > b.of.limit {
		b.size -= int64(n)
		return errBodyLarge
	}
	most := b.of.most
	if b.size > spoolMemory {
		most = b.of.files()
	}
	if b.of.used.Add(int64(n)) > most {
		return unspooled(errors.New("bodies of unverified webhooks take all of Options.MaxUnverifiedBytes"))
	}
	return nil
}

// rewind makes the body readable from its beginning.
func (b *spooled) rewind() error {
	if b.file == nil {
		b.Reader = bytes.NewReader(b.buf)
		return nil
	}
	if err := b.flush(); err != nil {
		return err
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return unspooled(err)
	}
	b.buf, b.Reader = nil, b.file
	return nil
}

// Close removes the body. It may be called once.
func (b *spooled) Close() {
	b.of.used.Add(-b.size)
	if b.file != nil {
		remove(b.file, b.name)
	}
}

// unspooled returns the response to a body that could not be kept.
func unspooled(err error) error {
	return &httpError{
		status: http.StatusServiceUnavailable, message: "Service unavailable, try again later",
		header: map[string]string{"Retry-After": retryAfter}, cause: fmt.Errorf("keep an unverified body: %w", err),
	}
}
