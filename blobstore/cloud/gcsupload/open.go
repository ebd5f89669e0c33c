package gcsupload

import (
	"context"
	"fmt"

	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"

	"github.com/fhirdock/fhirdock/blobstore/cloud/internal/policy"
)

// parameters that Go CDK's opener supports.
// https://pkg.go.dev/gocloud.dev/blob/gcsblob#URLOpener
var parameters = []string{"access_id", "anonymous", "grpc", "private_key_path", "universe_domain", "zonal"}

// OpenBucket opens a URL like gs://NAME with Go CDK, and returns the bucket, which the caller
// closes, and its Signer. It uses Google's Application Default Credentials. Unknown
// parameters are an error.
func OpenBucket(ctx context.Context, url string) (*blob.Bucket, *Signer, error) {
	u, err := policy.Parse(gcsblob.Scheme, url, parameters...)
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
