package azureupload

import (
	"context"
	"fmt"

	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// Scheme of the URLs that [OpenBucket] opens.
const Scheme = azureblob.Scheme

// parameters that Go CDK's opener has.
// https://pkg.go.dev/gocloud.dev/blob/azureblob#URLOpener
var parameters = []string{"cdn", "domain", "localemu", "protocol", "storage_account"}

// OpenBucket opens a URL like azblob://CONTAINER as Go CDK does, with [Repair],
// and its Signer. The bucket is the caller's to close. The account and its key are
// those of the environment: AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or
// AZURE_STORAGE_CONNECTION_STRING. It is an error if the URL has a parameter that
// there is none of; that names those that there are.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, *Signer, error) {
	u, err := policy.Parse(Scheme, url, parameters...)
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
