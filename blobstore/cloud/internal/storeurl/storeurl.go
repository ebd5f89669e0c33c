// Package storeurl makes Stores of the clouds' buckets.
package storeurl

import (
	"errors"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
)

// Store returns a Store of an open bucket. Options that are not set are the bucket's name
// and its signer. The bucket is closed with the Store, or if there is an error.
func Store[S blobstore.Signer](bucket *blob.Bucket, name string, signer func(*blob.Bucket) (S, error), opts *blobstore.Options) (*blobstore.Store, error) {
	var o blobstore.Options
	if opts != nil {
		o = *opts
	}
	if o.Bucket == "" {
		o.Bucket = name
	}
	if o.Signer == nil {
		s, err := signer(bucket)
		if err != nil {
			return nil, errors.Join(err, bucket.Close())
		}
		o.Signer = s
	}
	store, err := blobstore.New(bucket, &o)
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return store, nil
}
