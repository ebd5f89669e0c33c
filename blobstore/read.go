package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"
)

// OpenOptions of one read; nil means the defaults.
type OpenOptions struct {
	// Offset in bytes to start at. Default 0.
	Offset int64
	// Version that the object must have; otherwise Open returns ErrChanged. Default: any.
	// It is ignored if SHA256 is given and [Options.Versions] is not: the content decides
	// then, not the time at which the object was written or copied.
	Version string
	// Size in bytes that the whole object must have; otherwise Open returns ErrChanged. A
	// read that ends early returns ErrTruncated, not io.EOF. Default 0: any.
	Size int64
	// SHA256 of the object in lower-case hex; it needs Size. Each block is checked before
	// any of it is returned: ErrDigest if it differs. This takes a buffer of [BlockSize].
	// Default: not checked.
	SHA256 string
	// Blocks of the object, as written by a [BlockHash]. Without them an object larger
	// than BlockSize can't be checked against its SHA256, and Open fails.
	Blocks io.ReaderAt
}

// Open returns a reader of an object, or ErrNotFound if there is none.
//
// With [Options.Versions] it reads the given version, even a replaced one if the bucket
// keeps old versions. Without, it opens the object before it looks up the version, so that
// it also notices an object that is replaced in between: since keys are create-only, that
// is a fault, not a race.
func (s *Store) Open(ctx context.Context, key string, opts *OpenOptions) (io.ReadCloser, error) {
	var o OpenOptions
	if opts != nil {
		o = *opts
	}
	offset := o.Offset // requested
	if offset < 0 || o.Size < 0 {
		return nil, errors.New("blobstore: OpenOptions.Offset and Size must not be negative")
	}
	if o.SHA256 != "" {
		if offset > o.Size || BlocksSize(o.Size) > 0 && o.Blocks == nil {
			return nil, errors.New("blobstore: OpenOptions.SHA256 needs the Size, and the Blocks of an object that is larger than BlockSize")
		}
		o.Offset = blockOf(offset, o.Size) * BlockSize
	}
	pinned := o.Version != "" && s.opts.Versions != nil
	var r *blob.Reader
	var err error
	if pinned {
		r, err = s.openPinned(ctx, key, o)
	} else if r, err = s.bucket.NewRangeReader(ctx, key, o.Offset, -1, nil); err != nil {
		err = wrap("open object", err)
	}
	if err != nil {
		return nil, err
	}
	if (o.Size > 0 || o.SHA256 != "") && r.Size() != o.Size {
		r.Close()
		return nil, fmt.Errorf("%w: it has %d bytes, not %d", ErrChanged, r.Size(), o.Size)
	}
	if o.Offset > r.Size() {
		r.Close()
		return nil, fmt.Errorf("%w: it has %d bytes, and reading starts at %d", ErrTruncated, r.Size(), o.Offset)
	}
	if o.Version != "" && !pinned && o.SHA256 == "" {
		there, err := s.Attributes(ctx, key)
		if err == nil && (there.Version != o.Version || there.Size != r.Size()) {
			err = ErrChanged
		}
		if err != nil {
			r.Close()
			return nil, err
		}
	}
	whole := &reader{ReadCloser: r, left: r.Size() - o.Offset}
	if o.SHA256 != "" {
		return newBlockReader(whole, offset, &o), nil
	}
	return whole, nil
}

// reader returns an error, not io.EOF, if an object ends early.
type reader struct {
	io.ReadCloser
	left int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.left -= int64(n)
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		return n, wrap("read object", err)
	case r.left > 0:
		return n, fmt.Errorf("%w: %d bytes are missing", ErrTruncated, r.left)
	case r.left < 0:
		return n, fmt.Errorf("%w: it is longer than when it was opened", ErrChanged)
	}
	return n, io.EOF
}
