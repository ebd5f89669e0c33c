package ingest_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
)

// decorated is an in-memory bucket that counts its writes and lets a test intercept its
// reads.
type decorated struct {
	*blob.Bucket // the bucket inside
	writes       atomic.Int64
	unversioned  bool // without ETags

	mu   sync.Mutex
	read func(key string, offset int64, r io.Reader) io.Reader
}

// newDecorated returns the bucket, and its portable type for the pipeline.
func newDecorated(t *testing.T) (*decorated, *blob.Bucket) {
	t.Helper()
	d := &decorated{Bucket: memblob.OpenBucket(nil)}
	outer := blob.NewBucket(decoratedDriver{d})
	t.Cleanup(func() {
		_ = outer.Close()
		_ = d.Close()
	})
	return d, outer
}

// onRead puts f between objects and their readers; nil removes it.
func (d *decorated) onRead(f func(key string, offset int64, r io.Reader) io.Reader) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = f
}

type decoratedDriver struct{ d *decorated }

func (b decoratedDriver) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
func (b decoratedDriver) As(any) bool                            { return false }
func (b decoratedDriver) ErrorAs(error, any) bool                { return false }
func (b decoratedDriver) Close() error                           { return nil }

func (b decoratedDriver) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	a, err := b.d.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	if b.d.unversioned {
		a.ETag = ""
	}
	return &driver.Attributes{
		ContentEncoding: a.ContentEncoding, ContentType: a.ContentType, Metadata: a.Metadata,
		ModTime: a.ModTime, Size: a.Size, MD5: a.MD5, ETag: a.ETag,
	}, nil
}

func (b decoratedDriver) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	token := opts.PageToken
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	objects, next, err := b.d.ListPage(ctx, token, 1000, &blob.ListOptions{Prefix: opts.Prefix, Delimiter: opts.Delimiter})
	if err != nil {
		return nil, err
	}
	page := &driver.ListPage{NextPageToken: next}
	for _, o := range objects {
		page.Objects = append(page.Objects, &driver.ListObject{Key: o.Key, ModTime: o.ModTime, Size: o.Size, MD5: o.MD5, IsDir: o.IsDir})
	}
	return page, nil
}

func (b decoratedDriver) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	r, err := b.d.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, err
	}
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	read := &decoratedReader{Reader: r, src: r}
	if b.d.read != nil {
		read.src = b.d.read(key, offset, r)
	}
	return read, nil
}

type decoratedReader struct {
	*blob.Reader
	src io.Reader
}

func (r *decoratedReader) Read(p []byte) (int, error) { return r.src.Read(p) }
func (r *decoratedReader) As(any) bool                { return false }
func (r *decoratedReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.ModTime().Truncate(time.Second), Size: r.Size()}
}

func (b decoratedDriver) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	b.d.writes.Add(1)
	return b.d.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: contentType, ContentEncoding: opts.ContentEncoding, Metadata: opts.Metadata,
		DisableContentTypeDetection: true, IfNotExist: opts.IfNotExist,
	})
}

func (b decoratedDriver) Copy(ctx context.Context, dst, src string, _ *driver.CopyOptions) error {
	return b.d.Bucket.Copy(ctx, dst, src, nil)
}

func (b decoratedDriver) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	return b.d.Bucket.Delete(ctx, key)
}

func (b decoratedDriver) SignedURL(ctx context.Context, key string, _ *driver.SignedURLOptions) (string, error) {
	return b.d.Bucket.SignedURL(ctx, key, nil)
}
