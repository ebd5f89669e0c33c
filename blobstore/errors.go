package blobstore

import (
	"errors"
	"fmt"

	"gocloud.dev/gcerrors"
)

// Errors of this package, to be matched with errors.Is. What the driver
// returned is wrapped too.
var (
	// ErrNotFound: there is no object at that key.
	ErrNotFound = errors.New("blobstore: object not found")
	// ErrExists: a create-only write found an object at that key. Nothing was
	// written.
	ErrExists = errors.New("blobstore: object exists already")
	// ErrChanged: the object is not the version that was asked for.
	ErrChanged = errors.New("blobstore: object changed")
	// ErrDigest: the content does not have the SHA-256 that it must have.
	ErrDigest = errors.New("blobstore: content does not have its digest")
	// ErrTruncated: the object ended before its promised size.
	ErrTruncated = errors.New("blobstore: object is truncated")
	// ErrKey: the key is not one that a Store issues; see [ValidKey].
	ErrKey = errors.New("blobstore: invalid key")
	// ErrUnsupported: the bucket can't sign this upload.
	ErrUnsupported = errors.New("blobstore: not supported by this bucket")
	// ErrSource: what was to be written could not be read.
	ErrSource = errors.New("blobstore: source could not be read")
)

// wrap adds the error of this package that a driver's error stands for.
func wrap(doing string, err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fmt.Errorf("%w: %s: %w", ErrNotFound, doing, err)
	case gcerrors.Unimplemented:
		return fmt.Errorf("%w: %s: %w", ErrUnsupported, doing, err)
	}
	return fmt.Errorf("blobstore: %s: %w", doing, err)
}
