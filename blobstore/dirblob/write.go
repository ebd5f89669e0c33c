package dirblob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"gocloud.dev/blob/driver"

	"github.com/fhirdock/fhirdock/blobstore"
)

// NewTypedWriter implements driver.Bucket.
func (b *bucket) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	w, err := b.newWriter(ctx, key, contentType, opts)
	if err != nil {
		return nil, b.writing(err)
	}
	if opts.BeforeWrite != nil {
		var hint blobstore.WriteHint
		as := func(i any) bool {
			p, ok := i.(**blobstore.WriteHint)
			if ok {
				*p = &hint
			}
			return ok
		}
		if err := opts.BeforeWrite(as); err != nil {
			w.abort()
			return nil, err
		}
		w.plain = hint.Plain && w.attrs.plain(w.name)
	}
	return w, nil
}

// writer writes one object to a temporary file. The object is not visible until Close.
type writer struct {
	bucket *bucket
	ctx    context.Context // of NewTypedWriter; driver.Writer passes none
	name   string
	create bool // create-only
	plain  bool // without an attributes file
	attrs  attributes
	tmp    file
	hash   *blobstore.BlockHash
	blocks blockList
	err    error // of a Write
}

func (b *bucket) newWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (*writer, error) {
	name, err := b.name(key)
	if err != nil {
		return nil, err
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	w := &writer{
		bucket: b, ctx: ctx, name: name, create: opts.IfNotExist,
		attrs: attributes{
			CacheControl: opts.CacheControl, ContentDisposition: opts.ContentDisposition,
			ContentEncoding: opts.ContentEncoding, ContentLanguage: opts.ContentLanguage,
			ContentType: contentType, Metadata: opts.Metadata,
		},
	}
	w.hash = blobstore.NewBlockHash(&w.blocks)
	if w.tmp, err = b.createTemp(filepath.Dir(name)); err != nil {
		return nil, err
	}
	return w, nil
}

// createTemp creates a temporary file in a folder, and makes the folder durable.
func (b *bucket) createTemp(folder string) (file, error) {
	// A concurrent Delete may remove the empty folder, until the temporary file is in it.
	for try := 0; ; try++ {
		err := b.makeFolder(folder)
		if err == nil {
			var tmp file
			if tmp, err = b.fsys.CreateTemp(folder, b.owner()); err == nil {
				if err = b.keepFolder(folder); err == nil {
					return tmp, nil
				}
				_ = tmp.Close()
				b.cleanUp(tmp.Name())
				b.removeEmpty(folder)
				return nil, err
			}
		}
		if !errors.Is(err, fs.ErrNotExist) || try == 100 {
			return nil, err
		}
		b.forget(folder)
	}
}

// makeFolder creates a folder and its parents, unless it is known to exist.
func (b *bucket) makeFolder(folder string) error {
	if folder == b.dir || b.known(folder) {
		return nil
	}
	if err := b.makeFolder(filepath.Dir(folder)); err != nil {
		return err
	}
	if err := b.fsys.Mkdir(folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// keepFolder makes a folder and its parents durable. There must be a file in the folder:
// an empty one might be removed and recreated concurrently by a writer that has not synced
// it yet. A folder that exists is not necessarily durable.
func (b *bucket) keepFolder(folder string) error {
	if folder == b.dir || b.known(folder) {
		return nil
	}
	parent := filepath.Dir(folder)
	if err := b.keepFolder(parent); err != nil {
		return err
	}
	if err := b.syncFolder(parent); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.durable) >= maxDurable {
		clear(b.durable) // the dropped ones are synced again
	}
	b.durable[folder] = true
	return nil
}

// maxDurable bounds bucket.durable, to about 2 MB.
const maxDurable = 10_000

func (b *bucket) known(folder string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.durable[folder]
}

// forget removes a missing folder and its parents from the known ones.
func (b *bucket) forget(folder string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; len(folder) > len(b.dir); folder = filepath.Dir(folder) {
		delete(b.durable, folder)
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.tmp.Write(p)
	if !w.plain {
		w.hash.Write(p[:n])
	}
	w.attrs.Size += int64(n)
	w.err = err
	return n, err
}

// Upload implements driver.Uploader.
func (w *writer) Upload(r io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, r, make([]byte, 256<<10))
	if w.err == nil {
		w.err = err // so that a failed source does not become an object
	}
	return err
}

// blockList keeps the output of a blobstore.BlockHash for up to maxBlocks blocks.
type blockList []byte

func (l *blockList) Write(p []byte) (int, error) {
	if int64(len(*l)) < blobstore.BlocksSize(maxBlocks*blobstore.BlockSize) {
		*l = append(*l, p...)
	}
	return len(p), nil
}

// abort discards the write.
func (w *writer) abort() {
	_ = w.tmp.Close()
	w.bucket.cleanUp(w.tmp.Name())
	w.bucket.removeEmpty(filepath.Dir(w.name))
}

// Close makes the object durable and visible, or discards it.
func (w *writer) Close() error {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		w.abort()
		return w.err
	}
	return w.bucket.writing(w.commit())
}

// writing converts an error of a write, where a missing file must not become
// gcerrors.NotFound.
func (b *bucket) writing(err error) error {
	if err = b.missing(err); errors.Is(err, fs.ErrNotExist) {
		return errors.New("dirblob: the object was not written: " + err.Error()) // does not wrap fs.ErrNotExist
	}
	return err
}

func (w *writer) commit() error {
	fsys, tmp := w.bucket.fsys, w.tmp.Name()
	attrsName, mtime, err := w.keepAttributes()
	if err != nil {
		w.abort()
		return err
	}
	fail := func(err error) error {
		w.bucket.cleanUp(attrsName)
		w.abort()
		return err
	}
	if err := fsys.Chtimes(tmp, mtime); err != nil {
		return fail(err)
	}
	if err := w.tmp.Sync(); err != nil {
		return fail(err)
	}
	if err := w.tmp.Close(); err != nil {
		return fail(err)
	}
	if runtime.GOOS == "windows" { // closing a written file may change its time
		if err := fsys.Chtimes(tmp, mtime); err != nil {
			return fail(err)
		}
	}
	if err := w.ctx.Err(); err != nil { // last chance to cancel
		return fail(err)
	}
	if w.create {
		return w.link(attrsName, mtime)
	}
	return w.replace(attrsName, mtime)
}

// keepAttributes makes the object's attributes durable, or reserves a generation for a
// plain object.
func (w *writer) keepAttributes() (string, time.Time, error) {
	fsys := w.bucket.fsys
	if w.plain {
		f, mtime, err := reserve(fsys, w.name)
		if err != nil {
			return "", time.Time{}, err
		}
		return f.Name(), mtime, f.Close()
	}
	w.attrs.SHA256 = w.hash.SHA256()
	if len(w.blocks) > 0 && int64(len(w.blocks)) == blobstore.BlocksSize(w.attrs.Size) {
		w.attrs.Blocks, w.attrs.BlockSize = w.blocks, blobstore.BlockSize
	}
	var tag [12]byte
	rand.Read(tag[:]) // never fails
	w.attrs.ETag = `"` + hex.EncodeToString(tag[:]) + `"`
	return writeAttributes(fsys, w.name, &w.attrs)
}

// named releases the reservation of a plain object once the object has its name.
func (w *writer) named(attrsName string) {
	if w.plain {
		w.bucket.cleanUp(attrsName)
	}
}

// link names the object, unless there is one with its name.
func (w *writer) link(attrsName string, mtime time.Time) error {
	b, tmp := w.bucket, w.tmp.Name()
	err := b.fsys.Link(tmp, w.name)
	if err == nil {
		b.cleanUp(tmp)
		w.named(attrsName)
		if err = b.syncFolder(filepath.Dir(w.name)); err == nil {
			b.setSettled(w.name, mtime)
			return nil
		}
		// Not acknowledged yet, so remove it, unless it was deleted and another object
		// has the name by now.
		if now, lookErr := os.Lstat(w.name); lookErr == nil && now.ModTime().Equal(mtime) {
			b.cleanUp(w.name)
		}
	} else if errors.Is(err, fs.ErrExist) {
		err = errExists
	}
	b.cleanUp(attrsName)
	b.cleanUp(tmp)
	b.removeEmpty(filepath.Dir(w.name))
	return err
}

// replace names the object and replaces one with its name.
func (w *writer) replace(attrsName string, mtime time.Time) error {
	b, tmp := w.bucket, w.tmp.Name()
	var oldAttrs string
	if old, err := os.Lstat(w.name); err == nil && !old.ModTime().Equal(mtime) {
		oldAttrs = existingAttributes(w.name, old)
	}
	if err := b.fsys.Rename(tmp, w.name); err != nil {
		b.cleanUp(attrsName)
		b.cleanUp(tmp)
		return err
	}
	w.named(attrsName)
	if err := b.syncFolder(filepath.Dir(w.name)); err != nil {
		// After a power loss there may be the new or the old object, so keep the old
		// one's attributes.
		return fmt.Errorf("dirblob: the object was replaced, but its folder could not be synced: %w", err)
	}
	b.setSettled(w.name, mtime)
	if oldAttrs != "" {
		b.cleanUp(oldAttrs)
	}
	return nil
}
