package dirblob

import (
	"context"

	"gocloud.dev/blob/driver"
)

// Copy implements driver.Bucket. The copy is as durable as any write.
func (b *bucket) Copy(ctx context.Context, dst, src string, opts *driver.CopyOptions) error {
	if opts.BeforeCopy != nil {
		if err := opts.BeforeCopy(func(any) bool { return false }); err != nil {
			return err
		}
	}
	f, a, err := b.openFile(src)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := b.newWriter(ctx, dst, a.ContentType, &driver.WriterOptions{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
		ContentLanguage: a.ContentLanguage, Metadata: a.Metadata,
	})
	if err != nil {
		return err
	}
	if err := w.Upload(f); err != nil {
		w.abort()
		return err
	}
	return w.Close()
}
