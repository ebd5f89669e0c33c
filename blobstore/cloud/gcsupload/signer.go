package gcsupload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// maxExpiry is the maximum expiry of a signed URL, the limit of V4 signing.
// https://cloud.google.com/storage/docs/access-control/signed-urls
const maxExpiry = 7 * 24 * time.Hour

// maxPut is the largest body of one PUT, which is the largest object, in bytes.
// https://cloud.google.com/storage/quotas#objects
const maxPut = 5 << 40

// Signer signs uploads to a bucket and reads versions of its objects. It is safe for
// concurrent use.
type Signer struct {
	bucket   *blob.Bucket
	emulator bool
}

var (
	_ blobstore.Signer   = (*Signer)(nil)
	_ blobstore.Versions = (*Signer)(nil)
)

// New returns a Signer for the caller's bucket of gocloud.dev/blob/gcsblob. A bucket of
// another driver is an error. If STORAGE_EMULATOR_HOST is set, as for gcsblob, URLs are http.
func New(bucket *blob.Bucket) (*Signer, error) {
	var client *storage.Client
	if !bucket.As(&client) {
		return nil, errors.New("gcsupload: the bucket is not one of gocloud.dev/blob/gcsblob")
	}
	return &Signer{bucket: bucket, emulator: os.Getenv("STORAGE_EMULATOR_HOST") != ""}, nil
}

// Enforces implements [blobstore.Signer]: a URL enforces the policy except the SHA-256.
func (*Signer) Enforces() blobstore.Enforced {
	return blobstore.Enforced{
		ContentType: true, Size: true, MaxSize: true, CreateOnly: true, Metadata: true, MaxPut: maxPut, MaxExpiry: maxExpiry,
	}
}

// SignUpload implements [blobstore.Signer]. It is an error if the policy is invalid;
// ErrKey; ErrUnsupported if the bucket was opened without an account's id and its key, or
// without permission to sign for it.
func (s *Signer) SignUpload(ctx context.Context, key string, p blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	p, err := policy.Check(key, p, maxExpiry)
	if err != nil {
		return nil, fmt.Errorf("gcsupload: sign upload: %w", err)
	}
	headers := headersOf(p)
	signed, err := s.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{
		Method: http.MethodPut, Expiry: p.Expiry,
		BeforeSign: func(as func(any) bool) error {
			var o *storage.SignedURLOptions
			if !as(&o) {
				return blobstore.ErrUnsupported
			}
			// The default, V2, does not support these headers and has no maximum expiry.
			o.Scheme = storage.SigningSchemeV4
			o.Insecure = s.emulator
			for _, name := range slices.Sorted(maps.Keys(headers)) {
				o.Headers = append(o.Headers, name+":"+headers[name])
			}
			return nil
		},
	})
	if gcerrors.Code(err) == gcerrors.Unimplemented {
		err = fmt.Errorf("%w: %w", blobstore.ErrUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("gcsupload: sign upload: %w", err)
	}
	expires, err := expiry(signed)
	if err != nil {
		return nil, fmt.Errorf("gcsupload: sign upload: %w", err)
	}
	return &blobstore.SignedUpload{
		URL: signed, Method: http.MethodPut, Headers: headers, ExpiresAt: expires,
	}, nil
}

// headersOf returns the headers that enforce a policy. All of them are signed.
// https://cloud.google.com/storage/docs/xml-api/reference-headers
func headersOf(p blobstore.UploadPolicy) map[string]string {
	headers := map[string]string{}
	if p.ContentType != "" {
		headers["Content-Type"] = p.ContentType
	}
	switch {
	case p.Size > 0:
		headers["X-Goog-Content-Length-Range"] = lengths(p.Size, p.Size)
	case p.MaxSize > 0:
		headers["X-Goog-Content-Length-Range"] = lengths(0, min(p.MaxSize, maxPut))
	}
	if p.CreateOnly {
		// Generation 0 means that the object does not exist.
		headers["X-Goog-If-Generation-Match"] = "0"
	}
	for name, value := range p.Metadata {
		headers[http.CanonicalHeaderKey("X-Goog-Meta-"+name)] = value
	}
	return headers
}

func lengths(from, to int64) string {
	return strconv.FormatInt(from, 10) + "," + strconv.FormatInt(to, 10)
}

// expiry returns when a URL expires.
func expiry(signed string) (time.Time, error) {
	u, err := url.Parse(signed)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse("20060102T150405Z", u.Query().Get("X-Goog-Date"))
	if err != nil {
		return time.Time{}, errors.New("the signed URL has no date")
	}
	seconds, err := strconv.Atoi(u.Query().Get("X-Goog-Expires"))
	if err != nil {
		return time.Time{}, errors.New("the signed URL has no expiry")
	}
	return at.Add(time.Duration(seconds) * time.Second), nil
}
