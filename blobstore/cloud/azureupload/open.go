package azureupload

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/storeurl"
)

// parameters that Go CDK's opener supports.
// https://pkg.go.dev/gocloud.dev/blob/azureblob#URLOpener
var parameters = []string{"cdn", "domain", "localemu", "protocol", "storage_account"}

func init() { blobstore.DefaultURLMux().Register(azureblob.Scheme, URLOpener{}) }

// URLOpener opens URLs like azblob://CONTAINER as Go CDK does, with a [Signer]. The account
// and its key come from the environment: AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or
// AZURE_STORAGE_CONNECTION_STRING. Importing this package registers it with
// [blobstore.DefaultURLMux] for azblob://.
//
// The parameter domain, or AZURE_STORAGE_DOMAIN, must be one of Go CDK's
// [azureblob.AllowedStorageDomains], which contains Azure's public and sovereign clouds. For
// any other endpoint use a connection string with BlobEndpoint or EndpointSuffix, or add
// the domain to that map before opening.
type URLOpener struct{}

// OpenStoreURL implements [blobstore.URLOpener].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *blobstore.Options) (*blobstore.Store, error) {
	u, err := policy.Parse(azureblob.Scheme, urlstr, parameters...)
	if err != nil {
		return nil, fmt.Errorf("azureupload: open bucket: %w", err)
	}
	bucket, err := openBucket(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("azureupload: open bucket: %w", err)
	}
	return storeurl.Store(bucket, u.Host, New, opts)
}

func openBucket(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	opener := azureblob.URLOpener{
		MakeClient: azureblob.NewDefaultClient, ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions(),
	}
	bucket, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		domain := cmp.Or(u.Query().Get("domain"), opener.ServiceURLOptions.StorageDomain)
		if domain != "" && !azureblob.AllowedStorageDomains[strings.ToLower(domain)] {
			err = fmt.Errorf("%w; use a connection string, or add the domain to azureblob.AllowedStorageDomains", err)
		}
	}
	return bucket, err
}
