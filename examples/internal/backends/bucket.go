package backends

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/memblob"  // mem://

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/cloud/azureupload" // azblob://
	"github.com/fhirdock/fhirdock/blobstore/cloud/gcsupload"   // gs://
	"github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"    // s3://
	"github.com/fhirdock/fhirdock/blobstore/dirblob"           // dir://
)

var errBlob = errors.New("the bucket's URL must begin with dir://, file://, mem://, s3://, gs:// or azblob://: no other driver is linked in")

// BlobHelp says for a flag what [Config.Blob] may be.
const BlobHelp = "dir:///folder, file:///folder or mem://;\n" +
	"s3://BUCKET?region=REGION, or elsewhere than at AWS\n" +
	"s3://BUCKET?endpoint=https://HOST&region=REGION&use_path_style=true;\n" +
	"gs://BUCKET; or azblob://CONTAINER. The cloud takes signed uploads itself, for 7 days at\n" +
	"most; credentials are those of the environment, as the cloud's SDK finds them"

// openBucket opens the bucket. That of a cloud takes uploads by itself, under its
// own name.
func (b *Backends) openBucket(ctx context.Context, c Config) error {
	var bucket *blob.Bucket
	var signer blobstore.UploadSigner
	var err error
	switch scheme(c.Blob) {
	case "":
		if c.Blob != "" {
			err = errBlob
			break
		}
		bucket, err = dirblob.OpenBucket(ObjectsFolder(c.Data), &dirblob.Options{CreateDir: true, Logger: c.Logger})
	case "dir", "file", "mem":
		bucket, err = blob.OpenBucket(ctx, c.Blob)
	case s3upload.Scheme:
		b.S3 = true
		bucket, signer, err = opened(s3upload.OpenBucket(ctx, c.Blob))
	case gcsupload.Scheme:
		bucket, signer, err = opened(gcsupload.OpenBucket(ctx, c.Blob))
	case azureupload.Scheme:
		bucket, signer, err = opened(azureupload.OpenBucket(ctx, c.Blob))
	default:
		err = errBlob
	}
	if err != nil {
		return fmt.Errorf("open the bucket: %w", err)
	}
	b.Bucket = bucket
	b.closeLater(func(context.Context) error { return bucket.Close() })
	if signer != nil {
		u, err := url.Parse(c.Blob)
		if err != nil {
			return fmt.Errorf("open the bucket: %w", err)
		}
		b.Backends.Signer, b.Signer, b.BucketName = signer, nil, u.Host
	}
	return nil
}

// opened has the signer of a cloud as the interface that all of them have.
func opened[S blobstore.UploadSigner](bucket *blob.Bucket, signer S, err error) (*blob.Bucket, blobstore.UploadSigner, error) {
	return bucket, signer, err
}
