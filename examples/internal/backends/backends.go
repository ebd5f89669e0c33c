// Package backends opens what a pipeline runs on, by URLs, or embedded in a
// folder where none are given. The drivers that this package imports are those
// that the programs have. Who wants a smaller program leaves out what is not used, by
// the build tags noaws, nogcp, noazure, nokafka and nomongo.
package backends

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
)

// ObjectsPath is where a program serves the signed URLs of its bucket.
const ObjectsPath = "/v1/objects"

// Config says what to open. Only Data and Base are needed.
type Config struct {
	// Data is the folder of all that is embedded. It is made if it is not
	// there.
	Data string
	// Blob, Topic, Subscription and Jobs are URLs; empty means embedded.
	Blob, Topic, Subscription, Jobs string
	// Notifications is the URL of a queue, for [OpenNotifications].
	Notifications string
	// SkipMigrations: a job store whose schema is older is not opened, and not changed.
	SkipMigrations bool
	// Base is the URL under which clients reach the program, without a path. A
	// handler of signedurl serves the bucket there, at ObjectsPath.
	Base   *url.URL
	Logger *slog.Logger
}

// Backends are open back ends. Close them once nothing uses them any more.
type Backends struct {
	ingest.Backends
	// Signer signs the uploads, and is what their handler needs. It is nil where
	// the bucket is a cloud's, which takes them by itself.
	Signer *signedurl.Signer
	// BucketName is what the cloud calls the bucket; empty for others.
	BucketName string
	// Folder is where the bucket's objects are, where that is a folder of this machine.
	Folder string
	// LocalQueue: wake-ups do not leave this process.
	LocalQueue bool
	// LocalJobs: jobs end with this process.
	LocalJobs bool

	closers []func(context.Context) error
}

// ObjectsFolder is where the embedded bucket of a data folder has its objects:
// each key is the path of a file.
func ObjectsFolder(data string) string { return filepath.Join(data, "blobs") }

// Open opens everything, or nothing: then the error says what can't be opened.
func Open(ctx context.Context, c Config) (_ *Backends, err error) {
	b := &Backends{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close(ctx))
		}
	}()
	if err := prepare(c.Data); err != nil {
		return nil, err
	}
	if c.Logger != nil {
		if err := private(c.Data); err != nil {
			c.Logger.Warn("other users can list the data folder, though not read what is in it; run chmod 700 on it", "error", err)
		}
	}
	secret, err := signedurl.LoadOrCreateSecret(filepath.Join(c.Data, "secret"))
	if err != nil {
		return nil, err
	}
	objects := *c.Base
	objects.Path = ObjectsPath
	if b.Signer, err = signedurl.NewSigner(&objects, secret, nil); err != nil {
		return nil, err
	}
	b.Backends.Signer = b.Signer
	for _, open := range []func(context.Context, Config) error{b.openBucket, b.openQueue, b.openJobs} {
		if err := open(ctx, c); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// prepare makes the data folder and sees whether it can be written to, so that
// one that can't is an error now and not a refused payload later.
func prepare(folder string) error {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", folder, err)
	}
	// Health records: nobody else's business on this machine.
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return fmt.Errorf("data folder %s can't be made: %w", abs, err)
	}
	if info, err := os.Stat(abs); err == nil && info.Mode()&(0o002|os.ModeSticky) == 0o002 && runtime.GOOS != "windows" {
		return fmt.Errorf("everyone may write to the data folder %s, also over what is in it: run chmod 700 on it", abs)
	}
	probe, err := os.CreateTemp(abs, ".probe-*")
	if err != nil {
		return fmt.Errorf("data folder %s can't be written to: %w", abs, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("data folder %s can't be written to: %w", abs, err)
	}
	return nil
}

// private returns an error if others may see what there is in a folder. It may be a
// volume that is mounted so, and not this process's to change.
func private(folder string) error {
	info, err := os.Stat(folder)
	if err == nil && info.Mode().Perm()&0o007 != 0 && runtime.GOOS != "windows" {
		err = fmt.Errorf("the mode of %s is %#o", folder, info.Mode().Perm())
	}
	return err
}

// Close closes everything, last opened first.
func (b *Backends) Close(ctx context.Context) error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i](ctx))
	}
	b.closers = nil
	return errors.Join(errs...)
}

func (b *Backends) closeLater(f func(context.Context) error) { b.closers = append(b.closers, f) }

// scheme is that of a URL; what is not a URL has none.
func scheme(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Scheme
}
