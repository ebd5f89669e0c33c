package dirblob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"gocloud.dev/blob/driver"

	"github.com/fhirdock/fhirdock/blobstore"
)

// openFile opens the data file of a key, and returns the attributes of the same write.
func (b *bucket) openFile(key string) (*os.File, *attributes, error) {
	name, err := b.name(key)
	if err != nil {
		return nil, nil, err
	}
	// Each retry means that the object was replaced concurrently.
	for range 1000 {
		f, a, err := openOnce(name)
		if err == nil && a == nil {
			continue
		}
		return f, a, b.missing(err)
	}
	return nil, nil, errRestless
}

// openOnce returns neither attributes nor an error if the object was replaced concurrently.
func openOnce(name string) (*os.File, *attributes, error) {
	// Check before opening: a named pipe would block, and a link could lead out of the
	// bucket.
	before, err := os.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, errNoSuchKey
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoSuchKey
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	a, err := attributesOf(name, info)
	if err != nil || a == nil {
		f.Close()
		return nil, nil, err
	}
	return f, a, nil
}

// attributesOf returns the attributes of the open file with the given info, or nil if it
// was replaced.
func attributesOf(name string, info fs.FileInfo) (*attributes, error) {
	a, err := readAttributes(name, info)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	// A generation may be reused once its attributes are removed. So the attributes
	// belong to the file only if it still has its name, and so had it all the time.
	case replaced(name, info):
		return nil, nil
	case a == nil:
		return defaults(info), nil
	}
	return a, nil
}

// replaced reports whether a file no longer has its name.
func replaced(name string, info fs.FileInfo) bool {
	now, err := os.Lstat(name)
	return err != nil || !os.SameFile(info, now) || !info.ModTime().Equal(now.ModTime())
}

// Attributes implements driver.Bucket. The object is durable when Attributes returns, even
// if its writer is still running.
func (b *bucket) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	f, a, err := b.openFile(key)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := b.settle(f.Name(), info); err != nil {
		return nil, b.missing(err)
	}
	return &driver.Attributes{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
		ContentLanguage: a.ContentLanguage, ContentType: a.ContentType, Metadata: a.Metadata,
		CreateTime: info.ModTime(), ModTime: info.ModTime(), Size: info.Size(), ETag: a.ETag,
		AsFunc: func(i any) bool {
			d, ok := i.(*blobstore.Digest)
			if ok && a.SHA256 != "" {
				d.SHA256 = a.SHA256
				if a.BlockSize == blobstore.BlockSize {
					d.Blocks = a.Blocks
				}
				return true
			}
			return false
		},
	}, nil
}

// NewRangeReader implements driver.Bucket. The reader is not affected if the object is
// replaced or deleted, which is not possible on Windows.
func (b *bucket) NewRangeReader(_ context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	f, a, err := b.openFile(key)
	if err != nil {
		return nil, err
	}
	r, err := newReader(f, a, offset, length, opts)
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

func newReader(f *os.File, a *attributes, offset, length int64, opts *driver.ReaderOptions) (*reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r := &reader{file: f, attrs: driver.ReaderAttributes{ContentType: a.ContentType, ModTime: info.ModTime(), Size: info.Size()}}
	if opts.BeforeRead != nil {
		if err := opts.BeforeRead(r.As); err != nil {
			return nil, err
		}
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	r.src = f
	if length >= 0 {
		r.src = io.LimitReader(f, length)
	}
	return r, nil
}

type reader struct {
	file  *os.File
	src   io.Reader
	attrs driver.ReaderAttributes
}

func (r *reader) Read(p []byte) (int, error)           { return r.src.Read(p) }
func (r *reader) Close() error                         { return r.file.Close() }
func (r *reader) Attributes() *driver.ReaderAttributes { return &r.attrs }

// As implements driver.Reader. It supports **os.File.
func (r *reader) As(i any) bool {
	p, ok := i.(**os.File)
	if ok {
		*p = r.file
	}
	return ok
}
