package s3upload

import (
	"context"
	"errors"
	"net/url"

	"github.com/fhirdock/fhirdock/blobstore"
)

func init() { blobstore.DefaultURLMux().Register("s3", URLOpener{}) }

// URLOpener opens URLs as [OpenBucket] does. Importing this package registers it with
// [blobstore.DefaultURLMux] for s3://.
type URLOpener struct{}

// OpenStoreURL implements [blobstore.URLOpener]. The Store has the bucket's name and a
// [Signer].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string) (*blobstore.Store, error) {
	bucket, signer, err := OpenBucket(ctx, urlstr)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(urlstr) // OpenBucket has parsed it
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	store, err := blobstore.New(bucket, &blobstore.Options{Bucket: u.Host, Signer: signer})
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return store, nil
}
