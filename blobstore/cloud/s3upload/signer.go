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

// maxExpiry is the maximum expiry of a signed URL, the limit of Signature Version 4.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
const maxExpiry = 7 * 24 * time.Hour

// maxPut is the largest body of one PUT, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const maxPut = 5 << 30

// Signer signs uploads to a bucket and reads versions of its objects. It is safe for
// concurrent use.
type Signer struct {
	bucket *blob.Bucket
	client *s3.Client
}

var (
	_ blobstore.Signer   = (*Signer)(nil)
	_ blobstore.Versions = (*Signer)(nil)
)

// New returns a Signer for the caller's bucket of gocloud.dev/blob/s3blob. A bucket of
// another driver is an error.
func New(bucket *blob.Bucket) (*Signer, error) {
	s := &Signer{bucket: bucket}
	if !bucket.As(&s.client) {
		return nil, errors.New("s3upload: the bucket is not one of gocloud.dev/blob/s3blob")
	}
	return s, nil
}

// Enforces implements [blobstore.Signer]: a URL enforces the policy except MaxSize.
func (*Signer) Enforces() blobstore.Enforced {
	return blobstore.Enforced{
		ContentType: true, Size: true, SHA256: true, CreateOnly: true, Metadata: true, MaxPut: maxPut, MaxExpiry: maxExpiry,
	}
}

// S3 tells a Store that the bucket speaks the protocol of S3; see [blobstore.Options].
func (s *Signer) S3() bool { return true }

// SignUpload implements [blobstore.Signer]. It is an error if the policy is invalid;
// ErrKey; ErrUnsupported if the client does not sign exactly the headers of the policy.
//
// A URL signed with temporary credentials expires with them, if that is earlier; ExpiresAt
// has that time.
func (s *Signer) SignUpload(ctx context.Context, key string, p blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	p, err := policy.Check(key, p, maxExpiry)
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
		URL: signed, Method: http.MethodPut, Headers: headers, ExpiresAt: expires,
	}, nil
}

// bind sets the signed parameters of a policy.
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
		in.Metadata[name] = url.PathEscape(value) // s3blob unescapes it
	}
}

// headersOf returns the headers that bind has signed.
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
	raw, _ := hex.DecodeString(hexadecimal) // checked before
	return base64.StdEncoding.EncodeToString(raw)
}

// check returns when a URL expires. It is an error unless exactly the headers for the client
// are signed: an unsigned header would not be enforced, and an additional signed one would
// make the upload fail.
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
		// The provider has cached them for signing.
		if c, err := provider.Retrieve(ctx); err == nil && c.CanExpire && c.Expires.Before(expires) {
			expires = c.Expires.UTC()
		}
	}
	return expires, nil
}
