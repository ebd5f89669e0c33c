package ingest

import (
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Backends are the back ends of a pipeline. The caller closes them after everything that
// uses them has ended. Package backends opens them by URL.
type Backends struct {
	// Store keeps payloads, outcomes and outputs. It must be able to sign uploads, unless
	// [Options.NoUploads] is set. Required.
	Store *blobstore.Store
	// Publisher sends wake-ups to workers. Required.
	Publisher *queue.Publisher
	// Subscription receives the wake-ups, for [Worker.Run]. A process that only accepts,
	// or that is called with each wake-up, needs none. See [queue.Static].
	Subscription queue.Opener
	// Notifications receives the object store's notifications of uploads, for [Run]. It
	// is a separate queue from the wake-ups'. Default: none, for a store whose uploads
	// come through this process or that sends notifications over HTTP. Without
	// notifications the [Sweeper] finds uploads.
	Notifications queue.Opener
	// Jobs keeps the records. Required.
	Jobs jobs.Store
	// Processes knows which processes that worked on Jobs are dead, so that a [Sweeper]
	// takes over their jobs before the leases run out. Default: none is known to be dead,
	// and leases run out.
	Processes Processes
}

// Processes identifies the processes that work on the same job store. It must be safe for
// concurrent use.
type Processes interface {
	// Name returns the unique name of this process, without a slash. Names are never reused.
	Name() string
	// Dead reports whether the process with a name has ended. It must return true only if
	// that is certain: otherwise jobs would be worked on twice.
	Dead(name string) bool
}

// Service accepts payloads and answers questions about their jobs. It is safe for
// concurrent use, and several processes may share its back ends.
type Service struct {
	blobs    *blobstore.Store
	back     Backends
	opts     Options
	waker    *waker
	outcomes *stage.Area
	inFlight inFlight
	listing  listing
	backlog  backlog
	pruning  pruning
	ready    readiness
	leases   atomic.Int64                   // held by workers
	lines    map[string]fhirbundle.Severity // Options.Severities, for NDJSON
}

// New returns a Service. It fails if a back end is missing or an option is invalid. A nil
// opts means the defaults.
func New(back Backends, opts *Options) (*Service, error) {
	switch {
	case back.Store == nil:
		return nil, errors.New("ingest: Backends.Store is missing")
	case back.Publisher == nil:
		return nil, errors.New("ingest: Backends.Publisher is missing")
	case back.Jobs == nil:
		return nil, errors.New("ingest: Backends.Jobs is missing")
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	blobs := back.Store
	if !o.NoUploads && blobs.Signer() == nil {
		return nil, errors.New("ingest: Backends.Store can't sign uploads: give blobstore.Options a Signer, " +
			"or set Options.NoUploads for a service without uploads")
	}
	enforced := blobs.Enforces()
	if most := enforced.MaxExpiry; most > 0 && o.UploadExpiry > most && !o.NoUploads {
		return nil, fmt.Errorf("ingest: Options.UploadExpiry must be at most %s: the object store signs nothing for longer", most)
	}
	if enforced.MaxPut > 0 {
		o.MaxUploadBytes = min(o.MaxUploadBytes, enforced.MaxPut)
	}
	lines := map[string]fhirbundle.Severity{lineTwice: fhirbundle.SeverityNone}
	maps.Copy(lines, o.Severities)
	svc := &Service{
		lines:    lines,
		blobs:    blobs,
		back:     back,
		opts:     o,
		waker:    newWaker(back.Publisher),
		outcomes: stage.New(blobs.Bucket(), o.stagingOutcomes()),
	}
	svc.backlog.svc = svc
	return svc, nil
}

// MaxBodyBytes returns the largest body that Accept takes, in bytes; see [Options].
func (s *Service) MaxBodyBytes() int64 { return s.opts.MaxBodyBytes }

// now returns the time at the precision of records.
func (s *Service) now() time.Time { return s.opts.Now().UTC().Truncate(time.Microsecond) }

// reading returns the options for reading a payload, the same for Accept and for workers.
func (s *Service) reading(format fhirbundle.Format, contentType string) *fhirbundle.Options {
	version, ok := fhirbundle.VersionOf(contentType)
	if !ok {
		version = s.opts.FHIRVersion
	}
	severities := s.opts.Severities
	if format == fhirbundle.FormatNDJSON {
		severities = s.lines
	}
	return &fhirbundle.Options{
		Format: format, Level: s.opts.Level, Types: s.opts.BundleTypes, RequireEntries: true,
		Version: version, Severities: severities,
		MaxEntryBytes: s.opts.MaxEntryBytes, MaxStringBytes: s.opts.MaxStringBytes, MaxDepth: s.opts.MaxDepth,
	}
}

// lineTwice is the code of the rule that compares the lines of an NDJSON file. Its
// warnings would not be shown, and it takes memory for each line.
const lineTwice = "ndjson-duplicate"

// bookkeeping bounds a change of a record once its payload is stored, even if the client
// is gone.
const bookkeeping = 10 * time.Second

// unavailable wraps an error of a back end.
func unavailable(what string, err error) error {
	return &Error{Kind: ErrUnavailable, Message: "Service unavailable, try again later", Err: fmt.Errorf("%s: %w", what, err)}
}
