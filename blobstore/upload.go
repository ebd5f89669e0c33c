package blobstore

import (
	"context"
	"time"
)

// DefaultExpiry of a signed upload.
const DefaultExpiry = time.Hour

// UploadPolicy is what a signed upload may do. Signers bind as much of it into
// the URL and its headers as their service enforces; what they can't bind is
// checked after the upload, by whoever adopts the object.
type UploadPolicy struct {
	// ContentType that the client must send, exactly. Empty: any.
	ContentType string
	// Size in bytes that the body must have, exactly. 0: any up to MaxSize.
	Size int64
	// MaxSize in bytes. 0: no limit.
	MaxSize int64
	// SHA256 of the body in lower-case hex. Empty: any.
	SHA256 string
	// CreateOnly refuses the upload where an object has the key already.
	CreateOnly bool
	// Metadata that the object gets.
	Metadata map[string]string
	// Expiry of the URL, from now. Default [DefaultExpiry].
	Expiry time.Duration
}

// SignedUpload is all that a client needs in order to upload.
type SignedUpload struct {
	URL    string
	Method string // PUT
	// Headers that the client must send, exactly these values.
	Headers   map[string]string
	ExpiresAt time.Time
	// Bound is the part of the policy that the service enforces; fields that
	// it can't enforce are zero. A signer that is an [UploadBinder] says the
	// same before it signs.
	Bound UploadPolicy
}

// UploadSigner signs uploads for one bucket. It is safe for concurrent use.
type UploadSigner interface {
	// SignUpload signs a PUT of key. ErrUnsupported if the bucket can't sign.
	SignUpload(ctx context.Context, key string, policy UploadPolicy) (*SignedUpload, error)
}

// S3Signer is an [UploadSigner] whose bucket speaks the protocol of S3.
type S3Signer interface {
	UploadSigner
	// S3 reports whether the bucket is on S3, or on a service that speaks its protocol.
	S3() bool
}
