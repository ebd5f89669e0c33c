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
	// Metadata keys are lower case, as Go CDK has it.
	Metadata map[string]string
}

// NewWriter starts a create-only write. Nothing is visible before
// [Writer.Commit]; a writer must be ended by Commit or Abort. Cancelling ctx
// aborts it.
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
		// Whether the key is taken turns out at the end; a precondition that
		// fails here is that the bucket is open.
		return nil, wrap("open writer", err)
	}
	writer := &Writer{
		store: s, ctx: ctx, cancel: cancel, w: w,
		object: Object{Bucket: s.opts.Bucket, Key: key, ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, Metadata: o.Metadata},
	}
	writer.sum = NewBlockHash(&writer.blocks)
	return writer, nil
}

// Writer hashes and counts what it writes. Not safe for concurrent use.
type Writer struct {
	store  *Store
	ctx    context.Context // of the write, which ends with the Writer
	cancel context.CancelFunc
	w      *blob.Writer
	sum    *BlockHash
	blocks bytes.Buffer
	object Object
	ended  bool
	err    error // of a Write
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

// Commit makes the object durable and visible. It returns ErrExists if another
// object has the key, whoever wrote it first, and any other error if the object
// could not be stored: then there is none, save where the driver reported a
// failure for a write that it did, or could not be asked about the object
// after it. After a Write that failed, Commit aborts and
// returns that error.
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
	// What pins the content is known to the store alone.
	there, err := w.store.Attributes(w.ctx, w.object.Key)
	if err != nil {
		return nil, fmt.Errorf("blobstore: look at the object that was written: %w", err)
	}
	if there.Size != w.object.Size || there.SHA256 != "" && there.SHA256 != w.object.SHA256 {
		return nil, fmt.Errorf("%w: it is not the one that was just written", ErrChanged)
	}
	w.object.Version, w.object.ModTime = there.Version, there.ModTime
	o := w.object
	return &o, nil
}

// Abort leaves no object. It is a no-op after Commit or another Abort.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.cancel() // makes Close leave nothing
	_ = w.w.Close()
}

// Create writes all of src, create-only; see NewWriter and Commit. An error of
// src aborts the write and matches ErrSource and itself.
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

// wrapWrite is wrap for writes, where a failed precondition means that the key
// is taken.
func wrapWrite(doing string, err error) error {
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	return wrap(doing, err)
}
