package backends

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/memblob"  // mem://

	"github.com/fhirdock/fhirdock/blobstore/dirblob" // dir://
)

var errBlob = errors.New("the bucket's URL must begin with dir://, file:// or mem://: no other driver is linked in")

func (b *Backends) openBucket(ctx context.Context, c Config) error {
	var bucket *blob.Bucket
	var err error
	switch {
	case c.Blob == "":
		bucket, err = dirblob.OpenBucket(ObjectsFolder(c.Data), &dirblob.Options{CreateDir: true, Logger: c.Logger})
	case scheme(c.Blob) == "dir", scheme(c.Blob) == "file", scheme(c.Blob) == "mem":
		bucket, err = blob.OpenBucket(ctx, c.Blob)
	default:
		err = errBlob
	}
	if err != nil {
		return fmt.Errorf("open the bucket: %w", err)
	}
	b.Bucket = bucket
	b.closeLater(func(context.Context) error { return bucket.Close() })
	return nil
}
