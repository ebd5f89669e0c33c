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

// MaxExpiry of a signed URL, by the rules of V4 signing.
// https://cloud.google.com/storage/docs/access-control/signed-urls
const MaxExpiry = 7 * 24 * time.Hour

// MaxPut is the largest object, in bytes, and so the largest body of one PUT.
// https://cloud.google.com/storage/quotas#objects
const MaxPut = 5 << 40

// maxObject is the most that Cloud Storage keeps in one object, in bytes: the
// upper limit of a range that has none of its own.
// https://cloud.google.com/storage/quotas#objects
const maxObject = 5 << 40

// Signer signs uploads into one bucket, and knows the versions of its objects.
// It is safe for concurrent use.
type Signer struct {
	bucket   *blob.Bucket
	emulator bool
}

var (
	_ blobstore.UploadSigner = (*Signer)(nil)
	_ blobstore.UploadBinder = (*Signer)(nil)
	_ blobstore.Versions     = (*Signer)(nil)
)

// New returns a Signer over an open bucket of gocloud.dev/blob/gcsblob, which
// stays the caller's. It fails if it is one of another driver. Where the
// environment has STORAGE_EMULATOR_HOST, as for gcsblob, URLs are http.
func New(bucket *blob.Bucket) (*Signer, error) {
	var client *storage.Client
	if !bucket.As(&client) {
		return nil, errors.New("gcsupload: the bucket is not one of gocloud.dev/blob/gcsblob")
	}
	return &Signer{bucket: bucket, emulator: os.Getenv("STORAGE_EMULATOR_HOST") != ""}, nil
}

// Bindings implements [blobstore.UploadBinder]: all of a policy but the SHA-256.
func (s *Signer) Bindings() blobstore.UploadBindings {
	return blobstore.UploadBindings{
		ContentType: true, Size: true, MaxSize: true, CreateOnly: true, Metadata: true, MaxPut: MaxPut, MaxExpiry: MaxExpiry,
	}
}

// SignUpload implements [blobstore.UploadSigner]. The errors say what of the
// policy can't be signed; ErrKey, and ErrUnsupported where the bucket was opened
// without what signs: an account's id, and its key or the right to have it sign.
func (s *Signer) SignUpload(ctx context.Context, key string, p blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	p, err := policy.Check(key, p, MaxExpiry)
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
			// The default, V2, signs no conditions of our kind, and has no limit
			// to its expiry.
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
		URL: signed, Method: http.MethodPut, Headers: headers, ExpiresAt: expires, Bound: s.Bindings().Of(p),
	}, nil
}

// headersOf are the headers that bind a policy; all of them are signed.
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
		headers["X-Goog-Content-Length-Range"] = lengths(0, min(p.MaxSize, maxObject))
	}
	if p.CreateOnly {
		// Generation 0 is that of an object that is not there.
		headers["X-Goog-If-Generation-Match"] = "0"
	}
	for name, value := range p.Metadata {
		headers[http.CanonicalHeaderKey("X-Goog-Meta-"+name)] = value
	}
	return headers
}

func lengths(least, most int64) string {
	return strconv.FormatInt(least, 10) + "," + strconv.FormatInt(most, 10)
}

// expiry reads from a URL when it ends.
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
