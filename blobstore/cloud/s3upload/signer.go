package s3upload

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// MaxExpiry of a signed URL, by the rules of Signature Version 4.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
const MaxExpiry = 7 * 24 * time.Hour

// MaxPut is the largest body of one PUT, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const MaxPut = 5 << 30

// Signer signs uploads into one bucket, and knows the versions of its objects.
// It is safe for concurrent use.
type Signer struct {
	bucket *blob.Bucket
	client *s3.Client
}

var (
	_ blobstore.S3Signer     = (*Signer)(nil)
	_ blobstore.UploadBinder = (*Signer)(nil)
	_ blobstore.Versions     = (*Signer)(nil)
)

// New returns a Signer over an open bucket of gocloud.dev/blob/s3blob, which
// stays the caller's. It fails if it is one of another driver.
func New(bucket *blob.Bucket) (*Signer, error) {
	s := &Signer{bucket: bucket}
	if !bucket.As(&s.client) {
		return nil, errors.New("s3upload: the bucket is not one of gocloud.dev/blob/s3blob")
	}
	return s, nil
}

// Bindings implements [blobstore.UploadBinder]: all of a policy but MaxSize.
func (s *Signer) Bindings() blobstore.UploadBindings {
	return blobstore.UploadBindings{
		ContentType: true, Size: true, SHA256: true, CreateOnly: true, Metadata: true, MaxPut: MaxPut, MaxExpiry: MaxExpiry,
	}
}

// S3 implements [blobstore.S3Signer].
func (s *Signer) S3() bool { return true }

// SignUpload implements [blobstore.UploadSigner]. The errors say what of the
// policy can't be signed; ErrKey, and ErrUnsupported where the service's client
// does not sign all that it was given.
//
// A URL that was signed with temporary credentials ends with them, where that is
// earlier than the policy says; ExpiresAt says so.
func (s *Signer) SignUpload(ctx context.Context, key string, p blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	p, err := policy.Check(key, p, MaxExpiry)
	if err != nil {
		return nil, fmt.Errorf("s3upload: sign upload: %w", err)
	}
	headers := headersOf(p)
	signed, err := s.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{
		Method: http.MethodPut, Expiry: p.Expiry,
		BeforeSign: func(as func(any) bool) error {
			var in *s3.PutObjectInput
			if !as(&in) {
				return blobstore.ErrUnsupported
			}
			bind(in, p)
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("s3upload: sign upload: %w", err)
	}
	expires, err := s.check(ctx, signed, headers)
	if err != nil {
		return nil, fmt.Errorf("s3upload: sign upload: %w", err)
	}
	return &blobstore.SignedUpload{
		URL: signed, Method: http.MethodPut, Headers: headers, ExpiresAt: expires, Bound: s.Bindings().Of(p),
	}, nil
}

// bind puts a policy into what is signed.
func bind(in *s3.PutObjectInput, p blobstore.UploadPolicy) {
	if p.ContentType != "" {
		in.ContentType = &p.ContentType
	}
	if p.Size > 0 {
		in.ContentLength = &p.Size
	}
	if p.SHA256 != "" {
		in.ChecksumSHA256 = aws.String(base64Digest(p.SHA256))
	}
	if p.CreateOnly {
		in.IfNoneMatch = aws.String("*")
	}
	for name, value := range p.Metadata {
		if in.Metadata == nil {
			in.Metadata = map[string]string{}
		}
		in.Metadata[name] = url.PathEscape(value) // as s3blob reads it
	}
}

// headersOf are the headers of what bind binds.
func headersOf(p blobstore.UploadPolicy) map[string]string {
	headers := map[string]string{}
	if p.ContentType != "" {
		headers["Content-Type"] = p.ContentType
	}
	if p.Size > 0 {
		headers["Content-Length"] = strconv.FormatInt(p.Size, 10)
	}
	if p.SHA256 != "" {
		headers["X-Amz-Checksum-Sha256"] = base64Digest(p.SHA256)
	}
	if p.CreateOnly {
		headers["If-None-Match"] = "*"
	}
	for name, value := range p.Metadata {
		headers[http.CanonicalHeaderKey("X-Amz-Meta-"+name)] = url.PathEscape(value)
	}
	return headers
}

func base64Digest(hexadecimal string) string {
	raw, _ := hex.DecodeString(hexadecimal) // it was checked
	return base64.StdEncoding.EncodeToString(raw)
}

// check reads from a URL when it ends, and whether just the headers that the
// client is told to send are signed: one that is not would bind nothing, one that
// the client does not know of would fail the upload.
func (s *Signer) check(ctx context.Context, signed string, headers map[string]string) (time.Time, error) {
	u, err := url.Parse(signed)
	if err != nil {
		return time.Time{}, err
	}
	q := u.Query()
	names := strings.Split(q.Get("X-Amz-SignedHeaders"), ";")
	missing := len(headers)
	for _, name := range names {
		if name == "host" {
			continue
		}
		if _, ok := headers[http.CanonicalHeaderKey(name)]; !ok {
			return time.Time{}, fmt.Errorf("%w: the client signs the header %s too", blobstore.ErrUnsupported, name)
		}
		missing--
	}
	if missing != 0 {
		return time.Time{}, fmt.Errorf("%w: the client signs the headers %s only", blobstore.ErrUnsupported, strings.Join(names, ", "))
	}
	at, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if err != nil {
		return time.Time{}, errors.New("the signed URL has no date")
	}
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil {
		return time.Time{}, errors.New("the signed URL has no expiry")
	}
	expires := at.Add(time.Duration(seconds) * time.Second)
	if provider := s.client.Options().Credentials; provider != nil {
		// The provider has them from signing.
		if c, err := provider.Retrieve(ctx); err == nil && c.CanExpire && c.Expires.Before(expires) {
			expires = c.Expires.UTC()
		}
	}
	return expires, nil
}
