package blobstore

import (
	"errors"
	"fmt"

	"gocloud.dev/gcerrors"
)

// Errors of this package, for errors.Is. The driver's error is wrapped too.
var (
	// ErrNotFound: there is no object at that key.
	ErrNotFound = errors.New("blobstore: object not found")
	// ErrExists: a create-only write found an object at that key. Nothing was
	// written.
	ErrExists = errors.New("blobstore: object exists already")
	// ErrChanged: the object is not the requested version.
	ErrChanged = errors.New("blobstore: object changed")
	// ErrDigest: the content does not have the expected SHA-256.
	ErrDigest = errors.New("blobstore: content does not have its digest")
	// ErrTruncated: the object ended before its declared size.
	ErrTruncated = errors.New("blobstore: object is truncated")
	// ErrKey: the key is invalid; see [ValidKey].
	ErrKey = errors.New("blobstore: invalid key")
	// ErrUnsupported: the bucket can't sign this upload.
	ErrUnsupported = errors.New("blobstore: not supported by this bucket")
	// ErrSource: the source of a write could not be read.
	ErrSource = errors.New("blobstore: source could not be read")
)

// wrap adds the error of this package that corresponds to a driver's error.
func wrap(doing string, err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fmt.Errorf("%w: %s: %w", ErrNotFound, doing, err)
	case gcerrors.Unimplemented:
		return fmt.Errorf("%w: %s: %w", ErrUnsupported, doing, err)
	}
	return fmt.Errorf("blobstore: %s: %w", doing, err)
}
