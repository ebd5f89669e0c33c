package blobstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// WriteOptions of one object; nil means the defaults.
type WriteOptions struct {
	// ContentType, for example application/fhir+json. Default
	// application/octet-stream; it is never guessed from the content.
	ContentType     string
	ContentEncoding string
	// Metadata keys are lower case, as in Go CDK.
	Metadata map[string]string
}

// NewWriter starts a create-only write. The object is not visible before [Writer.Commit].
// End every Writer with Commit or Abort; cancelling ctx aborts it.
func (s *Store) NewWriter(ctx context.Context, key string, opts *WriteOptions) (*Writer, error) {
	if !ValidKey(key) {
		return nil, ErrKey
	}
	o := WriteOptions{}
	if opts != nil {
		o = *opts
	}
	if o.ContentType == "" {
		o.ContentType = "application/octet-stream"
	}
	ctx, cancel := context.WithCancel(ctx)
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, Metadata: o.Metadata,
		DisableContentTypeDetection: true, IfNotExist: true,
	})
	if err != nil {
		s.writes.Note(ctx, err)
		cancel()
		// IfNotExist is only checked on Close; here a failed precondition means that the
		// bucket is closed.
		return nil, wrap("open writer", err)
	}
	writer := &Writer{
		store: s, ctx: ctx, cancel: cancel, w: w,
		object: Object{Bucket: s.opts.Bucket, Key: key, ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, Metadata: o.Metadata},
	}
	writer.sum = NewBlockHash(&writer.blocks)
	return writer, nil
}

// Writer hashes and counts what it writes. It is not safe for concurrent use.
type Writer struct {
	store  *Store
	ctx    context.Context // of the write; ends with the Writer
	cancel context.CancelFunc
	w      *blob.Writer
	sum    *BlockHash
	blocks bytes.Buffer
	object Object
	ended  bool
	err    error // from Write
}

var errEnded = errors.New("blobstore: the writer has ended")

func (w *Writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, errEnded
	}
	n, err := w.w.Write(p)
	w.sum.Write(p[:n])
	w.object.Size += int64(n)
	if err != nil {
		w.store.writes.Note(w.ctx, err)
		w.err = wrapWrite("write object", err)
		return n, w.err
	}
	return n, nil
}

// Commit makes the object durable and visible. It returns ErrExists if the key is taken.
// After any other error there is no object, unless the driver reported a failure for a
// write that succeeded, or looking up the object after the write failed. After a failed
// Write, Commit aborts and returns the error of that Write.
func (w *Writer) Commit() (*Object, error) {
	if w.ended {
		return nil, errEnded
	}
	if w.err != nil {
		w.Abort()
		return nil, w.err
	}
	w.ended = true
	defer w.cancel()
	err := w.w.Close()
	w.store.writes.Note(w.ctx, err)
	if err != nil {
		return nil, wrapWrite("write object", err)
	}
	w.object.SHA256, w.object.Blocks = w.sum.SHA256(), w.blocks.Bytes()
	// Only the store knows the version.
	there, err := w.store.Attributes(w.ctx, w.object.Key)
	if err != nil {
		return nil, fmt.Errorf("blobstore: look up the written object: %w", err)
	}
	if there.Size != w.object.Size || there.SHA256 != "" && there.SHA256 != w.object.SHA256 {
		return nil, fmt.Errorf("%w: another one than was just written", ErrChanged)
	}
	w.object.Version, w.object.ModTime = there.Version, there.ModTime
	o := w.object
	return &o, nil
}

// Abort ends the write without an object. It does nothing after Commit or another Abort.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.cancel() // Close then discards the object
	_ = w.w.Close()
}

// Create writes all of src to a new object; see NewWriter and Commit. If src fails, Create
// aborts and returns an error that matches both ErrSource and the error of src.
func (s *Store) Create(ctx context.Context, key string, src io.Reader, opts *WriteOptions) (*Object, error) {
	w, err := s.NewWriter(ctx, key, opts)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, src); err != nil {
		w.Abort()
		if w.err != nil {
			return nil, w.err
		}
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return w.Commit()
}

// wrapWrite is wrap for writes: there a failed precondition means that the key is taken.
func wrapWrite(doing string, err error) error {
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	return wrap(doing, err)
}
