package gcsupload

import (
	"context"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/storeurl"
)

func init() { blobstore.DefaultURLMux().Register("gs", URLOpener{}) }

// URLOpener opens URLs as [OpenBucket] does. Importing this package registers it with
// [blobstore.DefaultURLMux] for gs://.
type URLOpener struct{}

// OpenStoreURL implements [blobstore.URLOpener]. The Store has the bucket's name and a
// [Signer].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string) (*blobstore.Store, error) {
	return storeurl.Open(ctx, urlstr, OpenBucket)
}
