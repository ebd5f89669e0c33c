package blobstore

import (
	"context"
	"fmt"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Versions interprets a driver's attributes beyond Go CDK's portable ones, and reads a
// given version of an object. It is safe for concurrent use.
type Versions interface {
	// Describe returns the SHA-256 of the content in lower-case hex, empty if the driver
	// does not know it, and the version that pins the content, empty for the ETag.
	Describe(attrs *blob.Attributes) (sha256, version string)
	// Pin limits a read to a version from Describe (or the ETag), through the As of
	// blob.ReaderOptions.BeforeRead. If the version is not there, the driver must fail
	// with gcerrors.FailedPrecondition or NotFound, or with an error for which Gone is
	// true. The Store then looks up whether it was replaced or deleted.
	Pin(version string, as func(any) bool) error
	// Gone reports whether a driver's error, whose code says nothing, means that the
	// version is not there.
	Gone(err error) bool
}

// describe fills in what the driver knows about the content.
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

// PinsVersions reports whether the Store can read a given version; see [Options.Versions].
func (s *Store) PinsVersions() bool { return s.opts.Versions != nil }

// openPinned opens one version of an object with a driver that pins versions.
func (s *Store) openPinned(ctx context.Context, key string, o OpenOptions) (*blob.Reader, error) {
	r, err := s.bucket.NewRangeReader(ctx, key, o.Offset, -1, &blob.ReaderOptions{
		BeforeRead: func(as func(any) bool) error { return s.opts.Versions.Pin(o.Version, as) },
	})
	if err == nil {
		return r, nil
	}
	if code := gcerrors.Code(err); code == gcerrors.FailedPrecondition || code == gcerrors.NotFound || s.opts.Versions.Gone(err) {
		// Either the version was replaced or the object is gone. Drivers distinguish these
		// in different ways.
		if _, there := s.Attributes(ctx, key); there != nil {
			return nil, there
		}
		return nil, fmt.Errorf("%w: open object: %w", ErrChanged, err)
	}
	return nil, wrap("open object", err)
}
