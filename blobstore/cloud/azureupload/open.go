package azureupload

import (
	"context"
	"fmt"

	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// parameters that Go CDK's opener supports.
// https://pkg.go.dev/gocloud.dev/blob/azureblob#URLOpener
var parameters = []string{"cdn", "domain", "localemu", "protocol", "storage_account"}

// OpenBucket opens a URL like azblob://CONTAINER with Go CDK and [Repair], and returns the
// bucket, which the caller closes, and its Signer. The account and its key are taken from
// AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or AZURE_STORAGE_CONNECTION_STRING. Unknown
// parameters are an error.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, *Signer, error) {
	u, err := policy.Parse(azureblob.Scheme, url, parameters...)
	if err != nil {
		return nil, nil, fmt.Errorf("azureupload: open bucket: %w", err)
	}
	opened, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, nil, fmt.Errorf("azureupload: open bucket: %w", err)
	}
	bucket := Repair(opened)
	signer, err := New(bucket)
	if err != nil {
		return nil, nil, err
	}
	return bucket, signer, nil
}
