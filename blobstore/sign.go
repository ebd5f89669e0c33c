package blobstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// SignUpload signs a PUT of key under a policy. It returns ErrKey if the key is invalid,
// and ErrUnsupported if neither the bucket nor [Options.Signer] can sign.
func (s *Store) SignUpload(ctx context.Context, key string, policy UploadPolicy) (*SignedUpload, error) {
	if !ValidKey(key) {
		return nil, ErrKey
	}
	if policy.Expiry <= 0 {
		policy.Expiry = DefaultExpiry
	}
	if s.opts.Signer != nil {
		return s.opts.Signer.SignUpload(ctx, key, policy)
	}
	signed, err := s.signByBucket(ctx, key, policy, policy.ContentType)
	if policy.ContentType != "" && errors.Is(err, ErrUnsupported) {
		// Drivers fail if they can't enforce the content type; it is checked again when
		// the object is adopted.
		return s.signByBucket(ctx, key, policy, "")
	}
	return signed, err
}

// signByBucket signs with Go CDK's own SignedURL. A driver that knows our policy (dirblob)
// gets all of it through BeforeSign; the others get what Go CDK can bind portably.
func (s *Store) signByBucket(ctx context.Context, key string, policy UploadPolicy, contentType string) (*SignedUpload, error) {
	expires := time.Now().Add(policy.Expiry)
	bound := UploadPolicy{ContentType: contentType, Expiry: policy.Expiry}
	url, err := s.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{
		Method: "PUT", Expiry: policy.Expiry, ContentType: contentType,
		BeforeSign: func(as func(any) bool) error {
			var p *UploadPolicy
			if as(&p) {
				*p = policy
				bound = policy
			}
			return nil
		},
	})
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
	return &SignedUpload{URL: url, Method: "PUT", Headers: headers, ExpiresAt: expires.UTC(), Bound: bound}, nil
}
