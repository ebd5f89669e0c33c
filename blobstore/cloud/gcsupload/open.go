package gcsupload

import (
	"context"
	"fmt"

	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/storeurl"
)

// parameters that Go CDK's opener supports.
// https://pkg.go.dev/gocloud.dev/blob/gcsblob#URLOpener
var parameters = []string{"access_id", "anonymous", "grpc", "private_key_path", "universe_domain", "zonal"}

func init() { blobstore.DefaultURLMux().Register(gcsblob.Scheme, URLOpener{}) }

// URLOpener opens URLs like gs://NAME as Go CDK does, with a [Signer]. It uses Google's
// Application Default Credentials. Importing this package registers it with
// [blobstore.DefaultURLMux] for gs://.
type URLOpener struct{}

// OpenStoreURL implements [blobstore.URLOpener].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *blobstore.Options) (*blobstore.Store, error) {
	u, err := policy.Parse(gcsblob.Scheme, urlstr, parameters...)
	if err != nil {
		return nil, fmt.Errorf("gcsupload: open bucket: %w", err)
	}
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("gcsupload: open bucket: %w", err)
	}
	return storeurl.Store(bucket, u.Host, New, opts)
}
