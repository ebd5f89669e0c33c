package backends

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/memblob"  // mem://

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob" // dir://
)

// bucketDriver opens buckets of a cloud, which takes signed uploads itself.
type bucketDriver func(ctx context.Context, url string) (*blob.Bucket, blobstore.UploadSigner, error)

// bucketDrivers by the schemes of their URLs.
var bucketDrivers = map[string]bucketDriver{"s3": s3Bucket, "gs": gcsBucket, "azblob": azureBucket}

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
	bucket, err := b.bucket(ctx, c)
	if err != nil {
		return fmt.Errorf("open the bucket: %w", err)
	}
	b.Bucket = bucket
	b.closeLater(func(context.Context) error { return bucket.Close() })
	return nil
}

func (b *Backends) bucket(ctx context.Context, c Config) (*blob.Bucket, error) {
	if c.Blob == "" {
		b.Folder = ObjectsFolder(c.Data)
		return dirblob.OpenBucket(ObjectsFolder(c.Data), &dirblob.Options{CreateDir: true, Logger: c.Logger})
	}
	name := scheme(c.Blob)
	switch name {
	case "mem":
		return blob.OpenBucket(ctx, c.Blob)
	case "dir":
		b.Folder = pathOf(c.Blob)
		return blob.OpenBucket(ctx, c.Blob)
	case "file":
		b.Folder = pathOf(c.Blob)
		return blob.OpenBucket(ctx, beside(c.Blob))
	}
	driver, ok := bucketDrivers[name]
	if !ok {
		return nil, errBlob
	}
	bucket, signer, err := driver(ctx, c.Blob)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.Blob)
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	b.Backends.Signer, b.Signer = signer, nil
	b.BucketName, b.S3 = u.Host, name == "s3"
	return bucket, nil
}

// pathOf is the folder that a URL of one names, as dirblob and fileblob read it; one that
// they refuse is no matter.
func pathOf(folder string) string {
	u, err := url.Parse(folder)
	if err != nil {
		return ""
	}
	path := u.Path
	if u.Host == "." {
		path = "." + path
	}
	if filepath.Separator == '\\' && len(path) > 2 && path[2] == ':' {
		path = strings.TrimPrefix(path, "/") // /C:/data
	}
	return filepath.FromSlash(path)
}

// beside is the URL of a folder, with files under way beside their places. In the folder
// for temporary files, which is fileblob's default, they could not be renamed to another
// file system, and no request would be accepted.
func beside(folder string) string {
	u, err := url.Parse(folder)
	if err != nil || u.Query().Has("no_tmp_dir") {
		return folder // as it was asked for, or its opener says what is wrong
	}
	q := u.Query()
	q.Set("no_tmp_dir", "true")
	u.RawQuery = q.Encode()
	return u.String()
}

// signed has a cloud's opener with the signer as the interface that all of them are.
func signed[S blobstore.UploadSigner](open func(context.Context, string) (*blob.Bucket, S, error)) bucketDriver {
	return func(ctx context.Context, url string) (*blob.Bucket, blobstore.UploadSigner, error) {
		return open(ctx, url)
	}
}
