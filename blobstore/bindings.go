package blobstore

import (
	"context"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// UploadBindings lists the parts of an [UploadPolicy] that a signer binds, so that the
// service refuses an upload that breaks them. The rest is signed too, but an upload that
// breaks it is stored, and is only found out when the object is adopted: package ingest
// rejects the job before it reads any of the content or, for the SHA-256, before it hands
// any of it over.
//
// Every signer binds key, method and expiry.
type UploadBindings struct {
	ContentType bool
	// Size: an exact length.
	Size bool
	// MaxSize: an upper limit, if the policy has no Size. If Size is bound and the policy
	// has one, that limits the length too.
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

// Of returns the part of a policy that is bound. The other fields are zero.
func (b UploadBindings) Of(p UploadPolicy) UploadPolicy {
	bound := UploadPolicy{Expiry: p.Expiry}
	if b.ContentType {
		bound.ContentType = p.ContentType
	}
	if b.Size {
		bound.Size = p.Size
	}
	if b.MaxSize {
		bound.MaxSize = p.MaxSize
	}
	if b.SHA256 {
		bound.SHA256 = p.SHA256
	}
	bound.CreateOnly = b.CreateOnly && p.CreateOnly
	if b.Metadata {
		bound.Metadata = p.Metadata
	}
	return bound
}

// UploadBinder is implemented by an [UploadSigner] that knows what it binds before it
// signs. A bucket that signs by itself may return one through Go CDK's As.
type UploadBinder interface {
	Bindings() UploadBindings
}

// SignsUploads reports whether [Options.Signer] or the bucket itself can sign uploads. It
// makes no requests.
func (s *Store) SignsUploads() bool {
	if s.opts.Signer != nil {
		return true
	}
	// A driver that can't sign returns Unimplemented at once. The cancelled context keeps
	// the others from making a request.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.bucket.SignedURL(ctx, "probe", &blob.SignedURLOptions{Method: "PUT"})
	return gcerrors.Code(err) != gcerrors.Unimplemented
}

// UploadBindings returns what the store's signed uploads bind, or false if the signer only
// knows after signing: see [SignedUpload.Bound].
func (s *Store) UploadBindings() (UploadBindings, bool) {
	binder, ok := s.opts.Signer.(UploadBinder)
	if s.opts.Signer == nil {
		ok = s.bucket.As(&binder)
	}
	if !ok {
		return UploadBindings{}, false
	}
	return binder.Bindings(), true
}
