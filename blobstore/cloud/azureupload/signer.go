package azureupload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// maxExpiry is the maximum expiry of a signed URL. Azure has no limit for a service SAS; this
// is the limit of the other clouds.
// https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas
const maxExpiry = 7 * 24 * time.Hour

// maxPut is the largest body of one Put Blob, in bytes: 5,000 MiB.
// https://learn.microsoft.com/en-us/rest/api/storageservices/put-blob#remarks
const maxPut = 5000 << 20

// Signer signs uploads to a container and reads versions of its blobs. It is safe for
// concurrent use.
type Signer struct{ bucket *blob.Bucket }

var (
	_ blobstore.Signer   = (*Signer)(nil)
	_ blobstore.Versions = (*Signer)(nil)
)

// New returns a Signer for an open bucket of gocloud.dev/blob/azureblob, which stays
// the caller's. A bucket of another driver is an error.
func New(bucket *blob.Bucket) (*Signer, error) {
	var client *container.Client
	if !bucket.As(&client) {
		return nil, errors.New("azureupload: the bucket is not one of gocloud.dev/blob/azureblob")
	}
	return &Signer{bucket: bucket}, nil
}

// Enforces implements [blobstore.Signer]: a URL enforces only create-only. A service
// SAS signs key, permissions and times, but no headers of the request.
func (*Signer) Enforces() blobstore.Enforced {
	return blobstore.Enforced{CreateOnly: true, MaxPut: maxPut, MaxExpiry: maxExpiry}
}

// SignUpload implements [blobstore.Signer]. It is an error if the policy is invalid;
// ErrKey; ErrUnsupported if the bucket was opened without the account's key, which is needed
// to sign a service SAS.
func (s *Signer) SignUpload(ctx context.Context, key string, p blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	p, err := policy.Check(key, p, maxExpiry)
	if err != nil {
		return nil, fmt.Errorf("azureupload: sign upload: %w", err)
	}
	signed, err := s.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{
		// A SAS ends at a whole second; round up.
		Method: http.MethodPut, Expiry: p.Expiry + time.Second,
		BeforeSign: func(as func(any) bool) error {
			var permissions *sas.BlobPermissions
			if !as(&permissions) {
				return blobstore.ErrUnsupported
			}
			// Create without Write does not replace an existing blob.
			*permissions = sas.BlobPermissions{Create: true, Write: !p.CreateOnly}
			return nil
		},
	})
	if errors.Is(err, bloberror.MissingSharedKeyCredential) {
		err = fmt.Errorf("%w: %w", blobstore.ErrUnsupported, err)
	}
	if err != nil {
		return nil, fmt.Errorf("azureupload: sign upload: %w", err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		return nil, fmt.Errorf("azureupload: sign upload: %w", err)
	}
	expires, err := time.Parse(time.RFC3339, u.Query().Get("se"))
	if err != nil {
		return nil, errors.New("azureupload: sign upload: the signed URL has no expiry")
	}
	return &blobstore.SignedUpload{
		URL: signed, Method: http.MethodPut, Headers: headersOf(p), ExpiresAt: expires,
	}, nil
}

// headersOf returns the headers for the client. The service requires only the blob's type.
// https://learn.microsoft.com/en-us/rest/api/storageservices/put-blob
func headersOf(p blobstore.UploadPolicy) map[string]string {
	headers := map[string]string{"X-Ms-Blob-Type": "BlockBlob"}
	if p.ContentType != "" {
		headers["Content-Type"] = p.ContentType
	}
	for name, value := range p.Metadata {
		headers[http.CanonicalHeaderKey("X-Ms-Meta-"+name)] = url.PathEscape(value) // azureblob unescapes it
	}
	return headers
}

// Describe implements [blobstore.Versions]. The version is the ETag; Azure stores no SHA-256.
func (s *Signer) Describe(*blob.Attributes) (sha256, version string) { return "", "" }

// Pin implements [blobstore.Versions]: a blob is only read while it has the ETag.
func (s *Signer) Pin(version string, as func(any) bool) error {
	var o *azblob.DownloadStreamOptions
	if !as(&o) {
		return blobstore.ErrUnsupported
	}
	etag := azcore.ETag(`"` + version + `"`)
	o.AccessConditions = &azblob.AccessConditions{ModifiedAccessConditions: &azblob.ModifiedAccessConditions{IfMatch: &etag}}
	return nil
}

// Gone implements [blobstore.Versions]. Another ETag is a failed precondition.
func (s *Signer) Gone(error) bool { return false }
