// Package backends opens what a pipeline runs on by URLs, and embeds in a folder what no
// URL is given for.
//
// As in Go CDK, the scheme of a URL picks the driver, and importing a driver's package
// registers it:
//
//	import (
//		_ "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"   // s3://
//		_ "github.com/fhirdock/fhirdock/queue/brokers/natsqueue"    // nats://
//		_ "github.com/fhirdock/fhirdock/jobs/sqljobs/pgx"           // postgres://
//	)
//
// Built in are dir:// and file:// (folders), mem://, sqlite: and the queue in the process.
package backends

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/internal/urlmux"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// ObjectsPath is where a program serves the signed URLs of a bucket that has no service
// of its own: that of a folder, or in memory.
const ObjectsPath = "/v1/objects"

// URLs of the back ends. An empty one is embedded.
type URLs struct {
	// Blob is the URL of the bucket: dir:///folder, file:///folder, mem://, or one of a
	// driver, such as s3://BUCKET?region=REGION. Default: a folder in [Options.Data].
	Blob string
	// Topic and Subscription are the URLs of the queue that wakes workers. Default: a
	// queue in this process. With a Topic alone, the process can't receive wake-ups; its
	// workers still find jobs by asking the job store.
	Topic, Subscription string
	// Notifications is the URL of the queue that the object store notifies of uploads; see
	// [ingest.Backends]. Default: none.
	Notifications string
	// Jobs is the URL of the job store: sqlite:FILE, mem:, or one of a driver, such as
	// postgres://…. Default: a SQLite file in [Options.Data].
	Jobs string
}

// Options; nil, and zero fields, mean the defaults.
type Options struct {
	// Data is the folder of what is embedded. It is created if there is none, for this
	// user alone. Default "fhirdock-data".
	Data string
	// BaseURL is where clients reach this program, without a path. Signed URLs of a bucket
	// that this program serves begin with it. Default http://127.0.0.1:8080.
	BaseURL *url.URL
	// SkipMigrations leaves the job store's schema as it is, and fails if it is older than
	// the one that this version needs. Default: it is migrated.
	SkipMigrations bool
	// Blobs, Queues and JobStores open URLs of other schemes than those built in. Default:
	// the default mux of each package.
	Blobs     *blobstore.URLMux
	Queues    *queue.URLMux
	JobStores *jobs.URLMux
	// Logger; default slog.Default().
	Logger *slog.Logger
}

// Backends are open back ends. Close them once nothing uses them any more.
type Backends struct {
	ingest.Backends
	// Signer signs the URLs of a bucket that this program serves at [ObjectsPath]. It is
	// nil if the bucket's own service takes uploads.
	Signer *signedurl.Signer
	// Folder is where a bucket in a folder keeps its objects; otherwise empty.
	Folder string
	// LocalQueue reports that wake-ups don't leave this process, and LocalJobs that jobs
	// end with it.
	LocalQueue, LocalJobs bool

	log     *slog.Logger
	closers []func(context.Context) error
}

// Open opens all back ends, or none and returns an error.
func Open(ctx context.Context, urls URLs, opts *Options) (_ *Backends, err error) {
	o := opts.withDefaults()
	b := &Backends{log: o.Logger}
	ctx = urlmux.Sharing(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close(ctx))
		}
	}()
	if err := prepare(o.Data, o.Logger); err != nil {
		return nil, err
	}
	if err := b.openStore(ctx, urls.Blob, o); err != nil {
		return nil, err
	}
	if err := b.openQueue(ctx, urls, o); err != nil {
		return nil, err
	}
	if err := b.openJobs(ctx, urls.Jobs, o); err != nil {
		return nil, err
	}
	return b, nil
}

func (o *Options) withDefaults() *Options {
	d := Options{}
	if o != nil {
		d = *o
	}
	d.Data = cmp.Or(d.Data, "fhirdock-data")
	d.BaseURL = cmp.Or(d.BaseURL, &url.URL{Scheme: "http", Host: "127.0.0.1:8080"})
	d.Blobs = cmp.Or(d.Blobs, blobstore.DefaultURLMux())
	d.Queues = cmp.Or(d.Queues, queue.DefaultURLMux())
	d.JobStores = cmp.Or(d.JobStores, jobs.DefaultURLMux())
	d.Logger = cmp.Or(d.Logger, slog.Default())
	return &d
}

// ObjectsFolder is the folder in [Options.Data] in which the embedded bucket keeps its
// objects: each key is the path of a file.
func ObjectsFolder(data string) string { return filepath.Join(data, "blobs") }

// Close closes what was opened, the last first.
func (b *Backends) Close(ctx context.Context) error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i](ctx))
	}
	b.closers = nil
	return errors.Join(errs...)
}

func (b *Backends) closeLater(f func(context.Context) error) { b.closers = append(b.closers, f) }
