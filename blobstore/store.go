package blobstore

import (
	"context"
	"errors"
	"time"

	"gocloud.dev/blob"
)

// Object describes a stored object.
type Object struct {
	Bucket string // name, as in [Options.Bucket]
	Key    string
	// Size in bytes.
	Size int64
	// SHA256 of the content in lower-case hex. It is known after a write by this package,
	// and if the driver's attributes return a [Digest] or [Options.Versions] knows it;
	// otherwise empty.
	SHA256 string
	// Blocks as written by a [BlockHash]. They are known after a write by this package,
	// and if the driver keeps them. Empty for an object of one block.
	Blocks          []byte
	ContentType     string
	ContentEncoding string
	// Version pins the content: the ETag, or what [Options.Versions] derives from the
	// driver's attributes. Objects with the same key and Version have the same content.
	// Empty if the driver has none.
	Version  string
	ModTime  time.Time
	Metadata map[string]string
}

// Digest is what a driver's attributes may return through Go CDK's As: the SHA-256 of the
// content in lower-case hex, as computed by the driver, and the blocks of a [BlockHash] if
// it has them.
type Digest struct {
	SHA256 string
	Blocks []byte
}

// Options of a [Store]; nil means the defaults.
type Options struct {
	// Bucket is the bucket's name in receipts, records and messages. If the object store
	// sends notifications, it must be the store's own name for the bucket: notifications
	// about other buckets are ignored. It is not used to find the bucket. Default
	// "fhirdock".
	Bucket string
	// Signer signs uploads. Default: the one that the bucket gives through Go CDK's As, or
	// one over its SignedURL, of which package ingest checks everything afterwards; none if
	// the bucket can't sign.
	Signer Signer
	// Versions of the bucket's driver. Default: the Signer if it implements Versions,
	// otherwise none: an object's version is its ETag.
	Versions Versions
	// S3: the bucket is on S3 or a service that speaks its protocol. Default: if the Signer
	// has a method S3, like the one of package s3upload, its result; otherwise false.
	S3 bool
}

// Store is a bucket for payloads. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	opts   Options
	writes Writes
}

// New returns a Store over an open bucket. It fails if the bucket is nil. Close the bucket
// with [Store.Close] or directly.
func New(bucket *blob.Bucket, opts *Options) (*Store, error) {
	if bucket == nil {
		return nil, errors.New("blobstore: New needs a bucket")
	}
	s := &Store{bucket: bucket}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Bucket == "" {
		s.opts.Bucket = "fhirdock"
	}
	if s.opts.Signer == nil {
		s.opts.Signer = signerOf(bucket)
	}
	if s.opts.Versions == nil {
		s.opts.Versions, _ = s.opts.Signer.(Versions)
	}
	if signer, ok := s.opts.Signer.(interface{ S3() bool }); ok && signer.S3() {
		s.opts.S3 = true
	}
	return s, nil
}

// Bucket returns the Store's bucket, for what a Store does not wrap (listing, derived
// output).
func (s *Store) Bucket() *blob.Bucket { return s.bucket }

// Close closes the bucket.
func (s *Store) Close() error { return s.bucket.Close() }

// Signer returns [Options.Signer] or its default, or nil if uploads can't be signed.
func (s *Store) Signer() Signer { return s.opts.Signer }

// Name returns the bucket's name; see [Options.Bucket].
func (s *Store) Name() string { return s.opts.Bucket }

// S3 reports whether the bucket is on S3 or a service that speaks its protocol; see
// [Options.S3].
func (s *Store) S3() bool { return s.opts.S3 }

// Attributes describes an object. It returns ErrNotFound if there is none.
func (s *Store) Attributes(ctx context.Context, key string) (*Object, error) {
	attrs, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return nil, wrap("read attributes", err)
	}
	return s.object(key, attrs), nil
}

func (s *Store) object(key string, attrs *blob.Attributes) *Object {
	o := &Object{
		Bucket: s.opts.Bucket, Key: key, Size: attrs.Size,
		ContentType: attrs.ContentType, ContentEncoding: attrs.ContentEncoding,
		ModTime: attrs.ModTime, Metadata: attrs.Metadata,
	}
	s.describe(o, attrs)
	return o
}

// Delete removes an object. It returns ErrNotFound if there is none.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.bucket.Delete(ctx, key); err != nil {
		return wrap("delete object", err)
	}
	return nil
}
