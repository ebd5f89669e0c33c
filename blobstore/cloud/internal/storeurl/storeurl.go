// Package storeurl opens Stores of the clouds' buckets.
package storeurl

import (
	"context"
	"errors"
	"net/url"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
)

// Open opens the bucket of a URL, and returns a Store with the bucket's name, which is the
// URL's host, and its signer.
func Open[S blobstore.UploadSigner](ctx context.Context, urlstr string, open func(context.Context, string) (*blob.Bucket, S, error)) (*blobstore.Store, error) {
	bucket, signer, err := open(ctx, urlstr)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(urlstr) // open has parsed it
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	store, err := blobstore.New(bucket, &blobstore.Options{Bucket: u.Host, Signer: signer})
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return store, nil
}
