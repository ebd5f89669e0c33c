package azureupload

import (
	"context"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// Repair returns a bucket of gocloud.dev/blob/azureblob whose writers don't panic.
// In v0.47.0 the Close of a writer panics where writing failed before Close waited
// for it, as it does for each small write that fails: one that finds its key
// taken, or a service that is away. Uploads from an io.Reader don't, so that is
// how the bucket writes. (v0.46.0 has no such panic, and another driver interface,
// which package dirblob does not compile with.)
//
// Closing it closes the bucket that it was given.
func Repair(bucket *blob.Bucket) *blob.Bucket {
	return blob.NewBucket(&repaired{bucket})
}

type repaired struct{ inner *blob.Bucket }

var _ driver.Bucket = (*repaired)(nil)

func (b *repaired) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
func (b *repaired) As(i any) bool                          { return b.inner.As(i) }
func (b *repaired) ErrorAs(err error, i any) bool          { return b.inner.ErrorAs(err, i) }
func (b *repaired) Close() error                           { return b.inner.Close() }

func (b *repaired) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	src, w := io.Pipe()
	u := &uploading{PipeWriter: w, done: make(chan struct{})}
	go func() {
		defer close(u.done)
		u.err = b.inner.Upload(ctx, key, src, &blob.WriterOptions{
			BufferSize: opts.BufferSize, MaxConcurrency: opts.MaxConcurrency, CacheControl: opts.CacheControl,
			ContentDisposition: opts.ContentDisposition, ContentEncoding: opts.ContentEncoding, ContentLanguage: opts.ContentLanguage,
			ContentType: contentType, DisableContentTypeDetection: true, ContentMD5: opts.ContentMD5, Metadata: opts.Metadata,
			BeforeWrite: opts.BeforeWrite, IfNotExist: opts.IfNotExist,
		})
		src.CloseWithError(u.err) // or a Write would wait for ever
	}()
	return u, nil
}

// uploading is a write that its upload reads from; it ends with the writer.
type uploading struct {
	*io.PipeWriter
	done chan struct{}
	err  error // set before done
}

func (u *uploading) Close() error {
	// The end of what there is to upload; where the write was cancelled, so was
	// the upload.
	_ = u.PipeWriter.Close()
	<-u.done
	return u.err
}

func (b *repaired) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	a, err := b.inner.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
		ContentLanguage: a.ContentLanguage, ContentType: a.ContentType, Metadata: a.Metadata,
		CreateTime: a.CreateTime, ModTime: a.ModTime, Size: a.Size, MD5: a.MD5, ETag: a.ETag, AsFunc: a.As,
	}, nil
}

// defaultPage is the page of a list that asks for none.
const defaultPage = 1000

func (b *repaired) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	token, size := opts.PageToken, opts.PageSize
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	if size == 0 {
		size = defaultPage
	}
	objects, next, err := b.inner.ListPage(ctx, token, size, &blob.ListOptions{
		Prefix: opts.Prefix, Delimiter: opts.Delimiter, BeforeList: opts.BeforeList,
	})
	if err != nil {
		return nil, err
	}
	page := &driver.ListPage{NextPageToken: next}
	for _, o := range objects {
		page.Objects = append(page.Objects, &driver.ListObject{
			Key: o.Key, ModTime: o.ModTime, Size: o.Size, MD5: o.MD5, IsDir: o.IsDir, AsFunc: o.As,
		})
	}
	return page, nil
}

func (b *repaired) NewRangeReader(ctx context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	r, err := b.inner.NewRangeReader(ctx, key, offset, length, &blob.ReaderOptions{BeforeRead: opts.BeforeRead})
	if err != nil {
		return nil, err
	}
	return &reader{r}, nil
}

type reader struct{ *blob.Reader }

func (r *reader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.ModTime(), Size: r.Size()}
}

func (b *repaired) Copy(ctx context.Context, dstKey, srcKey string, opts *driver.CopyOptions) error {
	return b.inner.Copy(ctx, dstKey, srcKey, &blob.CopyOptions{BeforeCopy: opts.BeforeCopy})
}

func (b *repaired) Delete(ctx context.Context, key string, opts *driver.DeleteOptions) error {
	return b.inner.DeleteWithOptions(ctx, key, &blob.DeleteOptions{BeforeDelete: opts.BeforeDelete})
}

func (b *repaired) SignedURL(ctx context.Context, key string, opts *driver.SignedURLOptions) (string, error) {
	return b.inner.SignedURL(ctx, key, &blob.SignedURLOptions{
		Expiry: opts.Expiry, Method: opts.Method, ContentType: opts.ContentType,
		EnforceAbsentContentType: opts.EnforceAbsentContentType, BeforeSign: opts.BeforeSign,
	})
}
