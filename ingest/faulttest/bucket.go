package faulttest

import (
	"bytes"
	"context"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// Bucket returns a bucket with faults. Error codes, and the driver's own types for Go CDK's
// As, are the inner bucket's.
func Bucket(inner *blob.Bucket, plan Plan) *blob.Bucket {
	return blob.NewBucket(&bucket{inner, plan})
}

type bucket struct {
	inner *blob.Bucket
	plan  Plan
}

var _ driver.Bucket = (*bucket)(nil)

func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
func (b *bucket) As(i any) bool                          { return b.inner.As(i) }
func (b *bucket) ErrorAs(err error, i any) bool          { return b.inner.ErrorAs(err, i) }

// Close leaves the inner bucket open.
func (b *bucket) Close() error { return nil }

func (b *bucket) Attributes(ctx context.Context, key string) (attrs *driver.Attributes, err error) {
	err = b.plan.run(ctx, Call{BucketAttributes, key}, func(ctx context.Context) error {
		a, err := b.inner.Attributes(ctx, key)
		if err != nil {
			return err
		}
		attrs = &driver.Attributes{
			CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
			ContentLanguage: a.ContentLanguage, ContentType: a.ContentType, Metadata: a.Metadata,
			CreateTime: a.CreateTime, ModTime: a.ModTime, Size: a.Size, MD5: a.MD5, ETag: a.ETag, AsFunc: a.As,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return attrs, nil
}

// defaultPage is the size of a page of a list without one.
const defaultPage = 1000

func (b *bucket) ListPaged(ctx context.Context, opts *driver.ListOptions) (page *driver.ListPage, err error) {
	err = b.plan.run(ctx, Call{BucketList, opts.Prefix}, func(ctx context.Context) error {
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
			return err
		}
		page = &driver.ListPage{NextPageToken: next}
		for _, o := range objects {
			page.Objects = append(page.Objects, &driver.ListObject{
				Key: o.Key, ModTime: o.ModTime, Size: o.Size, MD5: o.MD5, IsDir: o.IsDir, AsFunc: o.As,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

func (b *bucket) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	return &writer{ctx: ctx, bucket: b, key: key, opts: &blob.WriterOptions{
		BufferSize: opts.BufferSize, MaxConcurrency: opts.MaxConcurrency, CacheControl: opts.CacheControl,
		ContentDisposition: opts.ContentDisposition, ContentEncoding: opts.ContentEncoding, ContentLanguage: opts.ContentLanguage,
		ContentType: contentType, DisableContentTypeDetection: true, ContentMD5: opts.ContentMD5, Metadata: opts.Metadata,
		BeforeWrite: opts.BeforeWrite, IfNotExist: opts.IfNotExist,
	}}, nil
}

// writer buffers its data until it is closed, so that it can be written twice, or later.
type writer struct {
	ctx    context.Context // of the write; it ends with the writer
	bucket *bucket
	key    string
	opts   *blob.WriterOptions
	bytes.Buffer
}

func (w *writer) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err // aborted
	}
	return w.bucket.plan.run(w.ctx, Call{BucketWrite, w.key}, func(ctx context.Context) error {
		return w.bucket.inner.WriteAll(ctx, w.key, w.Bytes(), w.opts)
	})
}

func (b *bucket) Copy(ctx context.Context, dstKey, srcKey string, opts *driver.CopyOptions) error {
	return b.plan.run(ctx, Call{BucketCopy, dstKey}, func(ctx context.Context) error {
		return b.inner.Copy(ctx, dstKey, srcKey, &blob.CopyOptions{BeforeCopy: opts.BeforeCopy})
	})
}

func (b *bucket) Delete(ctx context.Context, key string, opts *driver.DeleteOptions) error {
	return b.plan.run(ctx, Call{BucketDelete, key}, func(ctx context.Context) error {
		return b.inner.DeleteWithOptions(ctx, key, &blob.DeleteOptions{BeforeDelete: opts.BeforeDelete})
	})
}

func (b *bucket) SignedURL(ctx context.Context, key string, opts *driver.SignedURLOptions) (url string, err error) {
	err = b.plan.run(ctx, Call{BucketSign, key}, func(ctx context.Context) (err error) {
		url, err = b.inner.SignedURL(ctx, key, &blob.SignedURLOptions{
			Expiry: opts.Expiry, Method: opts.Method, ContentType: opts.ContentType,
			EnforceAbsentContentType: opts.EnforceAbsentContentType, BeforeSign: opts.BeforeSign,
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return url, nil
}
