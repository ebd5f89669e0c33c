package blobstore

import (
	"context"
	"time"
)

// DefaultExpiry is the default validity of a signed upload.
const DefaultExpiry = time.Hour

// UploadPolicy limits a signed upload. Signers bind as much of it into the URL and its
// headers as their service enforces. The rest is checked after the upload, when the object
// is adopted.
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
	// Bound is the part of the policy that the service enforces; its other fields are
	// zero. See [UploadBinder] for what is bound before signing.
	Bound UploadPolicy
}

// UploadSigner signs uploads for one bucket. It is safe for concurrent use.
type UploadSigner interface {
	// SignUpload signs a PUT of key. It returns ErrUnsupported if the bucket can't sign.
	SignUpload(ctx context.Context, key string, policy UploadPolicy) (*SignedUpload, error)
}

// S3Signer is an [UploadSigner] whose bucket speaks the protocol of S3.
type S3Signer interface {
	UploadSigner
	// S3 reports whether the bucket is on S3 or a service that speaks its protocol.
	S3() bool
}
