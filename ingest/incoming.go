package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"sync"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

// incoming is a body on its way into the store. One of at most Options.BufferBytes is held
// in memory until commit, so that a refused one never reaches the store and its metadata
// can tell what is in it. A larger one is written while it is validated. End it with commit
// or abort.
type incoming struct {
	ctx     context.Context // of the request
	svc     *Service
	key     string
	options blobstore.WriteOptions
	held    *bytes.Buffer
	rest    *bodyReader
	sum     hash.Hash // of the bytes that validate has read; nil if no digest is needed
	// w is nil for a body that is held.
	w *blobstore.Writer
}

// maxPromised bounds the memory, in bytes, that is allocated for a Content-Length
// before the body arrives.
const maxPromised = 64 << 10

// receive reads as much of the body as is held, and opens a writer if there may be more.
func (s *Service) receive(ctx context.Context, key string, req *AcceptRequest, metadata map[string]string) (*incoming, error) {
	in := &incoming{
		ctx: ctx, svc: s, key: key, options: blobstore.WriteOptions{ContentType: req.ContentType, Metadata: metadata},
		held: buffers.Get().(*bytes.Buffer), rest: &bodyReader{src: req.Body, left: s.opts.MaxBodyBytes},
	}
	in.held.Reset()
	if req.SHA256 != "" { // a writer knows its own digest only after Commit
		in.sum = sha256.New()
	}
	// Don't allocate the whole Content-Length up front: the body may never come.
	if n := req.ContentLength; n > 0 {
		in.held.Grow(int(min(n, maxPromised)) + bytes.MinRead)
	}
	_, err := io.Copy(in.held, io.LimitReader(in.rest, int64(s.opts.BufferBytes)))
	switch {
	case err != nil:
		err = s.bodyError(err)
	case !in.rest.ended && in.held.Len() == s.opts.BufferBytes:
		if in.w, err = s.blobs.NewWriter(ctx, key, &in.options); err != nil {
			err = unavailable("write payload", err)
		}
	}
	if err != nil {
		in.abort()
		return nil, err
	}
	return in, nil
}

// validate reads the body to its end, or to the error for which it is refused.
func (in *incoming) validate(opts *fhirbundle.Options) (*fhirbundle.Report, error) {
	if in.w == nil {
		if in.sum != nil {
			in.sum.Write(in.held.Bytes())
		}
		return fhirbundle.ValidateBytes(in.held.Bytes(), opts)
	}
	tee := &teeReader{src: io.MultiReader(in.held, in.rest), dst: in.w}
	if in.sum != nil {
		tee.dst = io.MultiWriter(in.w, in.sum)
	}
	report, err := fhirbundle.Validate(tee, opts)
	switch {
	case tee.writeErr != nil:
		return nil, unavailable("write payload", tee.writeErr)
	case err != nil:
		return nil, in.svc.bodyError(err)
	}
	return report, nil
}

// digest returns the SHA-256 of the bytes that validate has read, in lower-case hex.
func (in *incoming) digest() string { return hex.EncodeToString(in.sum.Sum(nil)) }

// commit makes the object durable.
func (in *incoming) commit(report *fhirbundle.Report) (*blobstore.Object, error) {
	var object *blobstore.Object
	var err error
	if in.w != nil {
		object, err = in.w.Commit()
	} else {
		in.options.Metadata["bundle_type"] = report.BundleType
		in.options.Metadata["entry_count"] = strconv.FormatInt(report.Entries, 10)
		object, err = in.svc.blobs.Create(in.ctx, in.key, in.held, &in.options)
	}
	if err != nil {
		return nil, unavailable("write payload", err)
	}
	return object, nil
}

// abort gives back what is held. Without a commit before it, it leaves no object.
func (in *incoming) abort() {
	if in.w != nil {
		in.w.Abort()
	}
	putBuffer(in.held)
}

// bodyError returns the client's error for a body that could not be read to its end.
func (s *Service) bodyError(err error) error {
	if errors.Is(err, errBodyLimit) {
		return s.tooLarge()
	}
	return &Error{Kind: ErrInvalid, Message: "Request body ended before it was complete", Err: err}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// putBuffer keeps only buffers of ordinary size, so that the pool does not hold on to
// the largest body ever received.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= 4<<20 {
		buffers.Put(b)
	}
}
