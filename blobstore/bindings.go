package blobstore

import (
	"context"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// UploadBindings says which parts of an [UploadPolicy] a signer binds, so that
// the service refuses an upload that breaks them. What is not bound is signed all
// the same; an upload that breaks it is stored, and whoever adopts the object
// finds out (package ingest rejects the job before anything of it is read, or,
// for the SHA-256, before anything of it is handed over).
//
// Key, method and expiry are bound by every signer.
type UploadBindings struct {
	ContentType bool
	// Size: an exact length.
	Size bool
	// MaxSize: an upper limit, where the policy has no Size. Where Size is
	// bound and the policy has one, that limits the length too.
	MaxSize    bool
	SHA256     bool
	CreateOnly bool
	Metadata   bool
	// MetadataInURL: the URL carries the metadata, so that the client needs no header
	// for it.
	MetadataInURL bool
	// MaxPut is the largest body in bytes that the service accepts in one PUT. 0: no
	// limit.
	MaxPut int64
	// MaxExpiry is the longest expiry that can be signed. 0: any.
	MaxExpiry time.Duration
}

// Of is the part of a policy that is bound: the others of its fields are zero.
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

// UploadBinder is what an [UploadSigner] implements that knows what it binds
// before it signs. A bucket that signs by itself may answer one through Go CDK's
// As.
type UploadBinder interface {
	Bindings() UploadBindings
}

// SignsUploads reports whether uploads can be signed: by [Options.Signer] or by the
// bucket itself. It asks no service.
func (s *Store) SignsUploads() bool {
	if s.opts.Signer != nil {
		return true
	}
	// A driver that can't sign returns Unimplemented at once. The cancelled context keeps
	// the others from asking a service.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.bucket.SignedURL(ctx, "probe", &blob.SignedURLOptions{Method: "PUT"})
	return gcerrors.Code(err) != gcerrors.Unimplemented
}

// UploadBindings says what the store's signed uploads bind; false where the
// signer does not say before it signs: then [SignedUpload.Bound] does.
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
