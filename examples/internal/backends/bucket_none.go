//go:build noaws || nogcp || noazure

package backends

import (
	"context"

	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
)

// bucketless is a driver that was left out by a build tag.
func bucketless(tag, importPath string) bucketDriver {
	return func(context.Context, string) (*blob.Bucket, blobstore.UploadSigner, error) {
		return nil, nil, leftOut(tag, importPath)
	}
}
