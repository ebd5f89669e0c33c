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
	// Offset in bytes at which to start. Default 0.
	Offset int64
	// Version that the object must have; ErrChanged otherwise. Default: any. If
	// SHA256 is given and [Options.Versions] is not, the version is ignored: the content
	// decides, not the time at which the object was written or copied.
	Version string
	// Size that the object must have in all, in bytes: ErrChanged otherwise,
	// and ErrTruncated, not io.EOF, where fewer bytes come than it has.
	// Default 0: any.
	Size int64
	// SHA256 of the object in lower-case hex; it needs Size. What is read is checked
	// against it before any of it is returned, a block at a time: ErrDigest
	// if it differs. This takes a buffer of [BlockSize]. Default: not checked.
	SHA256 string
	// Blocks of the object, as a [BlockHash] wrote them: without them an object
	// larger than BlockSize can't be checked by its SHA256, and Open fails.
	Blocks io.ReaderAt
}

// Open reads an object. ErrNotFound if there is none.
//
// With [Options.Versions] a version is read as such: where the bucket keeps old
// versions, also one that another has replaced. Without, the object is opened
// first and its version looked up after that, so that an object which is
// replaced in between is noticed too: create-only keys make that a fault, not a
// race.
func (s *Store) Open(ctx context.Context, key string, opts *OpenOptions) (io.ReadCloser, error) {
	var o OpenOptions
	if opts != nil {
		o = *opts
	}
	offset := o.Offset // asked for
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

// reader tells an object that ended from one that was cut.
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
