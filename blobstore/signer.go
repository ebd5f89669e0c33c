package blobstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Signer signs uploads to one bucket. It is safe for concurrent use.
type Signer interface {
	// SignUpload signs a PUT of key. It binds as much of the policy into the URL and its
	// headers as the service enforces. It returns ErrUnsupported if the bucket can't sign.
	SignUpload(ctx context.Context, key string, policy UploadPolicy) (*SignedUpload, error)
	// Enforces returns what the service enforces of a policy that is signed.
	Enforces() Enforced
}

// Enforced says which fields of an [UploadPolicy] a service enforces, so that it refuses an
// upload that breaks them. A breach of the others is found when the upload is adopted:
// package ingest rejects the job before it reads any of the content or, for the SHA-256,
// before it hands any of it over.
//
// Every service enforces key, method and expiry.
type Enforced struct {
	ContentType bool
	// Size: an exact length.
	Size bool
	// MaxSize: an upper limit, if the policy has no Size. If Size is enforced and the
	// policy has one, that limits the length too.
	MaxSize    bool
	SHA256     bool
	CreateOnly bool
	Metadata   bool
	// MetadataInURL: the URL carries the metadata, so the client sends no header for it.
	MetadataInURL bool
	// MaxPut is the largest body in bytes that the service accepts in one PUT. 0: no
	// limit.
	MaxPut int64
	// MaxExpiry is the longest expiry that can be signed. 0: no limit.
	MaxExpiry time.Duration
}

// signerOf returns the Signer that a bucket gives through Go CDK's As, or one over its
// SignedURL; nil if it can't sign.
func signerOf(bucket *blob.Bucket) Signer {
	var signer Signer
	if bucket.As(&signer) {
		return signer
	}
	// A driver that can't sign returns Unimplemented at once. The cancelled context keeps
	// the others from making a request.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := bucket.SignedURL(ctx, "probe", &blob.SignedURLOptions{Method: "PUT"})
	if gcerrors.Code(err) == gcerrors.Unimplemented {
		return nil
	}
	return portableSigner{bucket}
}

// portableSigner signs with Go CDK's SignedURL, which binds no more than the content type.
type portableSigner struct{ bucket *blob.Bucket }

// Enforces returns nothing: only some drivers enforce the content type.
func (portableSigner) Enforces() Enforced { return Enforced{} }

func (p portableSigner) SignUpload(ctx context.Context, key string, policy UploadPolicy) (*SignedUpload, error) {
	signed, err := p.sign(ctx, key, policy, policy.ContentType)
	if policy.ContentType != "" && errors.Is(err, ErrUnsupported) {
		// Drivers fail if they can't enforce the content type.
		return p.sign(ctx, key, policy, "")
	}
	return signed, err
}

func (p portableSigner) sign(ctx context.Context, key string, policy UploadPolicy, contentType string) (*SignedUpload, error) {
	expires := time.Now().Add(policy.Expiry)
	url, err := p.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{Method: "PUT", Expiry: policy.Expiry, ContentType: contentType})
	if err != nil {
		if gcerrors.Code(err) == gcerrors.Unimplemented {
			return nil, fmt.Errorf("%w: sign upload: %w", ErrUnsupported, err)
		}
		return nil, wrap("sign upload", err)
	}
	headers := map[string]string{}
	if policy.ContentType != "" {
		headers["Content-Type"] = policy.ContentType
	}
	return &SignedUpload{URL: url, Method: "PUT", Headers: headers, ExpiresAt: expires.UTC()}, nil
}
