package dirblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob/alive"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
)

// Options of a bucket; nil, and zero fields, mean the defaults.
type Options struct {
	// CreateDir creates the folder and its parents if missing. Default: a missing folder is
	// an error.
	CreateDir bool
	// Signer signs the bucket's URLs. Default: SignedURL is not implemented.
	Signer *signedurl.Signer
	// Logger gets errors that can't be returned, of files that could not be cleaned up.
	// Default: slog.Default().
	Logger *slog.Logger
}

// OpenBucket opens a folder as a bucket. It is an error, which names the folder, if it does
// not exist or can't be written to. Any number of buckets, in any number of processes on
// one machine, may open the same folder. Until it is closed, the bucket removes files left
// by crashes in the background.
func OpenBucket(dir string, opts *Options) (*blob.Bucket, error) {
	b, err := open(dir, opts)
	if err != nil {
		return nil, err
	}
	return blob.NewBucket(b), nil
}

var (
	errKey       = errors.New("dirblob: the key can't be a file name")
	errExists    = errors.New("dirblob: the object already exists")
	errUnsigned  = errors.New("dirblob: the bucket was opened without a signer")
	errNoSuchKey = errors.New("dirblob: no such object")
	errGone      = errors.New("dirblob: the bucket's folder is gone")
	errRestless  = errors.New("dirblob: the object was replaced too often while it was read")
)

type bucket struct {
	dir    string
	signer *signedurl.Signer
	log    *slog.Logger
	fsys   fileSystem

	mu      sync.Mutex
	durable map[string]bool  // folders whose names are known to be durable
	settled map[string]int64 // objects whose names are known to be durable, with their generation
	syncs   sharedSyncs
	reads   int // folders read, for a test

	lock   *alive.Lock        // shows that this process is alive; nil on error
	stop   context.CancelFunc // stops tidy
	tidied chan struct{}      // closed when tidy has ended
}

var _ driver.Bucket = (*bucket)(nil)

func open(dir string, opts *Options) (*bucket, error) { return openOn(osFS{}, dir, opts) }

func openOn(fsys fileSystem, dir string, opts *Options) (*bucket, error) {
	if opts == nil {
		opts = &Options{}
	}
	if dir == "" {
		return nil, errors.New("dirblob: open folder: its path is empty; use \".\" for the working directory")
	}
	dir, err := filepath.Abs(filepath.Clean(dir))
	if err != nil {
		return nil, fmt.Errorf("dirblob: open %s: %w", dir, err)
	}
	b := &bucket{dir: dir, signer: opts.Signer, log: opts.Logger, fsys: fsys, durable: make(map[string]bool), settled: make(map[string]int64), syncs: sharedSyncs{folders: make(map[string]*syncQueue)}}
	if b.log == nil {
		b.log = slog.Default()
	}
	if opts.CreateDir {
		if err := makeAll(b.fsys, dir); err != nil {
			return nil, fmt.Errorf("dirblob: create folder %s: %w", dir, err)
		}
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("dirblob: open folder: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("dirblob: %s is not a folder", dir)
	}
	if b.lock, err = alive.Hold(b.locks()); err != nil {
		b.log.Warn("dirblob: no lock; files left by a crash are kept for a day", "error", err)
	}
	if err := b.probe(); err != nil {
		b.unlock()
		return nil, fmt.Errorf("dirblob: the folder %s can't be used: %w", dir, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop, b.tidied = stop, make(chan struct{})
	go b.tidy(ctx)
	return b, nil
}

// makeAll creates a folder and its missing parents, durably.
func makeAll(fsys fileSystem, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeAll(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncFolder(parent)
}

// probe tries everything a write needs, so that a problem is found when the bucket is
// opened.
func (b *bucket) probe() error {
	f, err := b.fsys.CreateTemp(b.dir, b.owner())
	if err != nil {
		return err
	}
	defer b.cleanUp(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	// Close to now, so that another process collects the file in time if this one dies.
	want := time.Now().Truncate(time.Second).Add(123456 * time.Microsecond)
	if err := b.fsys.Chtimes(f.Name(), want); err != nil {
		return err
	}
	info, err := os.Lstat(f.Name())
	if err != nil {
		return err
	}
	if !info.ModTime().Equal(want) {
		return errors.New("its file system does not keep modification times to the microsecond")
	}
	linked := f.Name() + "-linked"
	if err := b.fsys.Link(f.Name(), linked); err != nil {
		return fmt.Errorf("its file system has no hard links: %w", err)
	}
	if err := b.fsys.Remove(linked); err != nil {
		return err
	}
	if err := b.fsys.SyncFolder(b.dir); err != nil {
		return fmt.Errorf("its file system can't sync folders: %w", err)
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func (b *bucket) syncFolder(folder string) error { return b.syncs.sync(folder, b.fsys.SyncFolder) }

// name returns the file name of a key's data file.
func (b *bucket) name(key string) (string, error) {
	p, err := path(key)
	if err != nil {
		return "", err
	}
	return filepath.Join(b.dir, filepath.FromSlash(p)), nil
}

// locksFolder has a file for each process that has opened the bucket; see package alive.
const locksFolder = ".alive"

func (b *bucket) locks() string { return filepath.Join(b.dir, locksFolder) }

// owner marks the temporary files of this process.
func (b *bucket) owner() string {
	if b.lock == nil {
		return ""
	}
	return b.lock.Name()
}

func (b *bucket) unlock() {
	if b.lock == nil {
		return
	}
	if err := b.lock.Close(); err != nil {
		b.log.Warn("dirblob: lock not removed", "error", err)
	}
}

// Close implements driver.Bucket. It stops the background clean-up.
func (b *bucket) Close() error {
	b.stop()
	<-b.tidied
	b.unlock()
	return nil
}

// ErrorCode implements driver.Bucket.
func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, errNoSuchKey), errors.Is(err, fs.ErrNotExist):
		return gcerrors.NotFound
	case errors.Is(err, errExists):
		return gcerrors.FailedPrecondition
	case errors.Is(err, errKey), errors.Is(err, syscall.ENAMETOOLONG):
		return gcerrors.InvalidArgument
	case errors.Is(err, errUnsigned):
		return gcerrors.Unimplemented
	case errors.Is(err, fs.ErrPermission):
		return gcerrors.PermissionDenied
	case errors.Is(err, context.Canceled):
		return gcerrors.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return gcerrors.DeadlineExceeded
	}
	return gcerrors.Unknown
}

// missing returns errGone instead of a NotFound error if the bucket's folder is missing, so
// that an unmounted volume is not mistaken for missing objects.
func (b *bucket) missing(err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, gone := os.Stat(b.dir); errors.Is(gone, fs.ErrNotExist) {
		return errGone
	}
	return err
}

// As implements driver.Bucket. It supports *blobstore.WriteChecker and, if the bucket has a
// signer, *blobstore.Signer.
func (b *bucket) As(i any) bool {
	if checker, ok := i.(*blobstore.WriteChecker); ok {
		*checker = b
		return true
	}
	signer, ok := i.(*blobstore.Signer)
	if !ok || b.signer == nil {
		return false
	}
	*signer = b.signer
	return true
}

// ErrorAs implements driver.Bucket. It supports **fs.PathError.
func (b *bucket) ErrorAs(err error, i any) bool {
	if p, ok := i.(**fs.PathError); ok {
		return errors.As(err, p)
	}
	return false
}

// SignedURL implements driver.Bucket.
func (b *bucket) SignedURL(_ context.Context, key string, opts *driver.SignedURLOptions) (string, error) {
	if b.signer == nil {
		return "", errUnsigned
	}
	if opts.BeforeSign != nil {
		if err := opts.BeforeSign(func(any) bool { return false }); err != nil {
			return "", err
		}
	}
	return b.signer.Sign(key, signedurl.SignOptions{
		Method: opts.Method, EnforceAbsentContentType: opts.EnforceAbsentContentType,
		Policy: blobstore.UploadPolicy{ContentType: opts.ContentType, Expiry: max(opts.Expiry, time.Second)},
	})
}
