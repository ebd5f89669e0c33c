package backends

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file://
	_ "gocloud.dev/blob/memblob"  // mem://

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob" // dir://
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/internal/urlmux"
)

// openStore opens the bucket.
func (b *Backends) openStore(ctx context.Context, urlstr string, o *Options) error {
	bucket, err := b.openServed(ctx, urlstr, o)
	if err == nil && bucket == nil {
		b.Store, err = o.Blobs.Open(ctx, urlstr, nil)
	} else if err == nil {
		b.Store, err = b.served(bucket, o)
	}
	if err != nil {
		return fmt.Errorf("open the bucket: %w", err)
	}
	b.closeLater(func(context.Context) error { return b.Store.Close() })
	if bucket == nil {
		b.warnIfAway(ctx)
	}
	return nil
}

// accessTimeout bounds the wait for a bucket's service at the start.
const accessTimeout = 3 * time.Second

// warnIfAway warns if the bucket can't be reached now: opening it connects to nothing. It is
// not an error, because the bucket's service may be starting too.
func (b *Backends) warnIfAway(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, accessTimeout)
	defer cancel()
	there, err := b.Store.Bucket().IsAccessible(asking)
	switch {
	case err == nil && there, ctx.Err() != nil:
		return
	case err == nil:
		err = errors.New("it does not exist")
	}
	b.log.WarnContext(ctx, "the bucket can't be reached; requests are refused until it can be", "error", withoutQueries(err))
}

var anyURL = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)(?:[^\s"/?#]*@)?([^\s"?#]*)[^\s"]*`)

// withoutQueries returns the text of an error without users, passwords and parameters of
// URLs, which may be signatures.
func withoutQueries(err error) string { return anyURL.ReplaceAllString(err.Error(), "$1$2") }

// openServed opens a bucket whose objects this program serves itself; nil for others.
func (b *Backends) openServed(ctx context.Context, urlstr string, o *Options) (*blob.Bucket, error) {
	if urlstr == "" {
		b.Folder = ObjectsFolder(o.Data)
		return dirblob.OpenBucket(b.Folder, &dirblob.Options{CreateDir: true, Logger: o.Logger})
	}
	switch urlmux.Scheme(urlstr) {
	case "mem":
		return blob.OpenBucket(ctx, urlstr)
	case "dir":
		b.Folder = pathOf(urlstr)
		return blob.OpenBucket(ctx, urlstr)
	case "file":
		b.Folder = pathOf(urlstr)
		return blob.OpenBucket(ctx, withoutTempDir(urlstr))
	}
	return nil, nil
}

// served returns the Store of such a bucket, which closes it.
func (b *Backends) served(bucket *blob.Bucket, o *Options) (*blobstore.Store, error) {
	secret, err := signedurl.LoadOrCreateSecret(filepath.Join(o.Data, "secret"))
	if err == nil {
		objects := *o.BaseURL
		objects.Path = ObjectsPath
		b.Signer, err = signedurl.NewSigner(&objects, secret, nil)
	}
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return blobstore.New(bucket, &blobstore.Options{Signer: b.Signer})
}

// pathOf returns the folder that a URL names, as dirblob and fileblob read it.
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

// withoutTempDir makes fileblob write temporary files beside their targets. Its default is
// the system's folder for temporary files, from which they can't be renamed to another
// file system, so that no request would be accepted.
func withoutTempDir(folder string) string {
	u, err := url.Parse(folder)
	if err != nil || u.Query().Has("no_tmp_dir") {
		return folder // as requested, or its opener says what is wrong
	}
	q := u.Query()
	q.Set("no_tmp_dir", "true")
	u.RawQuery = q.Encode()
	return u.String()
}
