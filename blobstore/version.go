package blobstore

import (
	"context"
	"fmt"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Versions knows what one driver's attributes say beyond Go CDK's portable ones,
// and how one version of an object is read. It is safe for concurrent use.
type Versions interface {
	// Describe returns the SHA-256 of the content in lower-case hex, empty
	// where the driver does not know it, and what pins the content, empty for
	// the ETag.
	Describe(attrs *blob.Attributes) (sha256, version string)
	// Pin limits a read to a version that Describe (or the ETag) gave, through
	// the As of blob.ReaderOptions.BeforeRead. The driver then fails with
	// gcerrors.FailedPrecondition or NotFound, or with an error that Gone knows,
	// where the version can't be had: whether it was replaced or deleted is looked
	// up.
	Pin(version string, as func(any) bool) error
	// Gone reports whether a driver's error, of a code that says nothing, means
	// that the version is not there.
	Gone(err error) bool
}

// describe fills in what the driver knows of the content.
func (s *Store) describe(o *Object, attrs *blob.Attributes) {
	var digest Digest
	attrs.As(&digest)
	if int64(len(digest.Blocks)) == BlocksSize(o.Size) {
		o.Blocks = digest.Blocks
	}
	o.SHA256, o.Version = digest.SHA256, strings.Trim(attrs.ETag, `"`)
	if s.opts.Versions == nil {
		return
	}
	sha, version := s.opts.Versions.Describe(attrs)
	if sha != "" {
		o.SHA256 = sha
	}
	if version != "" {
		o.Version = version
	}
}

// PinsVersions reports whether a version can be read as such; see [Options.Versions].
func (s *Store) PinsVersions() bool { return s.opts.Versions != nil }

// openPinned opens one version of an object, by a driver that can.
func (s *Store) openPinned(ctx context.Context, key string, o OpenOptions) (*blob.Reader, error) {
	r, err := s.bucket.NewRangeReader(ctx, key, o.Offset, -1, &blob.ReaderOptions{
		BeforeRead: func(as func(any) bool) error { return s.opts.Versions.Pin(o.Version, as) },
	})
	if err == nil {
		return r, nil
	}
	if code := gcerrors.Code(err); code == gcerrors.FailedPrecondition || code == gcerrors.NotFound || s.opts.Versions.Gone(err) {
		// Of two reasons for it: another version took its place, or the object
		// is gone. Drivers tell them apart in their own ways.
		if _, there := s.Attributes(ctx, key); there != nil {
			return nil, there
		}
		return nil, fmt.Errorf("%w: open object: %w", ErrChanged, err)
	}
	return nil, wrap("open object", err)
}
