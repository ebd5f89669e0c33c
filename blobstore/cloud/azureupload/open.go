package azureupload

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// parameters that Go CDK's opener supports.
// https://pkg.go.dev/gocloud.dev/blob/azureblob#URLOpener
var parameters = []string{"cdn", "domain", "localemu", "protocol", "storage_account"}

// OpenBucket opens a URL like azblob://CONTAINER as Go CDK does, and returns the bucket
// and a Signer for it. The caller must close the bucket. The account and its key come from the environment:
// AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or AZURE_STORAGE_CONNECTION_STRING. An
// unknown parameter is an error that lists the known ones.
//
// The parameter domain, or AZURE_STORAGE_DOMAIN, must be one of Go CDK's
// [azureblob.AllowedStorageDomains], which contains Azure's public and sovereign clouds. For
// any other endpoint use a connection string with BlobEndpoint or EndpointSuffix, or add
// the domain to that map before opening.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, *Signer, error) {
	u, err := policy.Parse(azureblob.Scheme, url, parameters...)
	if err != nil {
		return nil, nil, fmt.Errorf("azureupload: open bucket: %w", err)
	}
	opener := azureblob.URLOpener{
		MakeClient: azureblob.NewDefaultClient, ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions(),
	}
	bucket, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		domain := cmp.Or(u.Query().Get("domain"), opener.ServiceURLOptions.StorageDomain)
		if domain != "" && !azureblob.AllowedStorageDomains[strings.ToLower(domain)] {
			err = fmt.Errorf("%w; use a connection string, or add the domain to azureblob.AllowedStorageDomains", err)
		}
		return nil, nil, fmt.Errorf("azureupload: open bucket: %w", err)
	}
	signer, err := New(bucket)
	if err != nil {
		return nil, nil, err
	}
	return bucket, signer, nil
}
