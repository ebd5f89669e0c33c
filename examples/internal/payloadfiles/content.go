package payloadfiles

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"

	"github.com/fhirdock/fhirdock/examples/internal/columns"
)

// keepBytes is the maximum size of a stream that is kept in memory for a second pass. It
// is not written to a temporary file, since it is health records.
const keepBytes = 32 << 20

// ErrCorrupt is the error of a compressed file whose content is not what was compressed.
var ErrCorrupt = errors.New("the compressed file is corrupt: its gzip data is damaged, or something else follows it")

var errCut = errors.New("the compressed file is cut off: it ends inside its gzip data")

// Content is the decompressed content of a file. Its errors, like those of Open, don't name
// the file, and match ErrCorrupt if it is damaged.
type Content struct {
	Zipped bool // the file is compressed

	file *File
	src  io.ReadCloser
	all  io.Reader // of src, decompressed
	kept bytes.Buffer
	over bool // kept does not have everything
}

// Open opens a file, and decompresses it if it starts like gzip, as JSON can't. Its bytes as
// stored are also written to progress, as they are read.
func (f *File) Open(progress io.Writer) (*Content, error) {
	src, err := f.open()
	if err != nil {
		return nil, reason(err)
	}
	stored := bufio.NewReaderSize(io.TeeReader(src, progress), 64<<10)
	c := &Content{file: f, src: src, all: stored}
	if head, _ := stored.Peek(2); string(head) == "\x1f\x8b" { // the next read returns an error again
		c.Zipped = true
		if c.all, err = gzip.NewReader(stored); err != nil {
			_ = src.Close()
			return nil, reason(err)
		}
	}
	return c, nil
}

// Read implements io.Reader.
func (c *Content) Read(p []byte) (int, error) {
	n, err := c.all.Read(p)
	switch {
	case c.file.again || c.over:
	case c.kept.Len()+n > keepBytes:
		c.over = true
		c.kept = bytes.Buffer{}
	default:
		c.kept.Write(p[:n])
	}
	return n, reason(err)
}

// Verify reads compressed content to its end, where gzip's checksum is.
func (c *Content) Verify() error {
	if !c.Zipped {
		return nil
	}
	_, err := io.Copy(io.Discard, c.all)
	return reason(err)
}

// Columns returns the columns of ascending offsets in what has been read: 1 plus the number
// of characters before them in their lines, or 0 if unknown. It counts in a second pass, so
// it returns nil if there can't be one: the content has more than 32 MiB and is not a
// regular file's, or the file is gone.
func (c *Content) Columns(offsets []int64) []int64 {
	if len(offsets) == 0 || c.over {
		return nil
	}
	if !c.file.again {
		return columns.Of(&c.kept, offsets)
	}
	again, err := c.file.Open(io.Discard)
	if err != nil {
		return nil
	}
	defer again.Close()
	return columns.Of(again, offsets)
}

// Close closes the file.
func (c *Content) Close() error { return c.src.Close() }

// reason returns an error in our words if gzip has it, and without the file's name, which
// is printed before it.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if _, ok := errors.AsType[flate.CorruptInputError](err); ok || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return ErrCorrupt
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}
