package gcsupload

import (
	"context"
	"fmt"

	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"

	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// Scheme of the URLs that [OpenBucket] opens.
const Scheme = gcsblob.Scheme

// parameters that Go CDK's opener has.
// https://pkg.go.dev/gocloud.dev/blob/gcsblob#URLOpener
var parameters = []string{"access_id", "anonymous", "grpc", "private_key_path", "universe_domain", "zonal"}

// OpenBucket opens a URL like gs://NAME as Go CDK does, and its Signer. The bucket
// is the caller's to close. Credentials are Google's Application Default
// Credentials. It is an error if the URL has a parameter that there is none of;
// that names those that there are.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, *Signer, error) {
	u, err := policy.Parse(Scheme, url, parameters...)
	if err != nil {
		return nil, nil, fmt.Errorf("gcsupload: open bucket: %w", err)
	}
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, nil, fmt.Errorf("gcsupload: open bucket: %w", err)
	}
	signer, err := New(bucket)
	if err != nil {
		return nil, nil, err
	}
	return bucket, signer, nil
}
