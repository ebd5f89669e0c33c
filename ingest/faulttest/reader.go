package faulttest

import (
	"context"
	"io"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
)

func (b *bucket) NewRangeReader(ctx context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	var opened *blob.Reader
	err := b.plan.run(ctx, Call{BucketOpen, key}, func(ctx context.Context) error {
		if opened != nil {
			_ = opened.Close() // the first of the two
		}
		r, err := b.inner.NewRangeReader(ctx, key, offset, length, &blob.ReaderOptions{BeforeRead: opts.BeforeRead})
		opened = r
		return err
	})
	if err != nil {
		if opened != nil {
			_ = opened.Close()
		}
		return nil, err
	}
	return &reader{ctx: ctx, inner: opened, plan: b.plan, call: Call{BucketRead, key}}, nil
}

type reader struct {
	ctx   context.Context // of the read; it ends with the reader
	inner *blob.Reader
	plan  Plan
	call  Call
	ended error
}

func (r *reader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.inner.ContentType(), ModTime: r.inner.ModTime(), Size: r.inner.Size()}
}

func (r *reader) As(i any) bool { return r.inner.As(i) }
func (r *reader) Close() error  { return r.inner.Close() }

// Read returns nothing after a fault. Bytes can't be read twice: [Double] is None.
func (r *reader) Read(p []byte) (n int, err error) {
	if r.ended != nil {
		return 0, r.ended
	}
	fault := r.plan.decide(r.ctx, r.call)
	switch fault {
	case Drop:
		r.ended = io.EOF
		return 0, io.EOF
	case Double:
		fault = None
	}
	err = inject(r.ctx, fault, r.call, func(context.Context) (err error) {
		n, err = r.inner.Read(p)
		return err
	})
	if fault != None {
		r.ended = err
	}
	return n, err
}
