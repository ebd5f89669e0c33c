package blobstore

import (
	"context"
	"fmt"
	"time"
)

// DefaultExpiry is the default validity of a signed upload.
const DefaultExpiry = time.Hour

// UploadPolicy limits a signed upload. What of it the service does not enforce is checked
// when the object is adopted; see [Enforced].
type UploadPolicy struct {
	// ContentType that the client must send. Empty: any.
	ContentType string
	// Size of the body in bytes, exact. 0: any up to MaxSize.
	Size int64
	// MaxSize in bytes. 0: no limit.
	MaxSize int64
	// SHA256 of the body in lower-case hex. Empty: any.
	SHA256 string
	// CreateOnly refuses the upload if the key is taken.
	CreateOnly bool
	// Metadata of the new object.
	Metadata map[string]string
	// Expiry of the URL, from now. Default [DefaultExpiry].
	Expiry time.Duration
}

// SignedUpload is what a client needs to upload.
type SignedUpload struct {
	URL    string
	Method string // PUT
	// Headers that the client must send, with exactly these values.
	Headers   map[string]string
	ExpiresAt time.Time
}

// Enforces returns what the service enforces of a policy; nothing if uploads can't be
// signed.
func (s *Store) Enforces() Enforced {
	if s.opts.Signer == nil {
		return Enforced{}
	}
	return s.opts.Signer.Enforces()
}

// SignUpload signs a PUT of key under a policy. It returns ErrKey if the key is invalid,
// and ErrUnsupported if the Store has no [Signer].
func (s *Store) SignUpload(ctx context.Context, key string, policy UploadPolicy) (*SignedUpload, error) {
	if !ValidKey(key) {
		return nil, ErrKey
	}
	if s.opts.Signer == nil {
		return nil, fmt.Errorf("%w: the bucket can't sign uploads", ErrUnsupported)
	}
	if policy.Expiry <= 0 {
		policy.Expiry = DefaultExpiry
	}
	return s.opts.Signer.SignUpload(ctx, key, policy)
}
