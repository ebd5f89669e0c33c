package ingest

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Backends are what a pipeline runs on. They stay the caller's to close, after
// everything that uses them has ended.
type Backends struct {
	// Bucket keeps payloads, outcomes and outputs. Required.
	Bucket *blob.Bucket
	// Signer signs uploads into Bucket. Default: the bucket itself. It is an error
	// of [New] if neither can, unless [Options.NoUploads] is set.
	Signer blobstore.UploadSigner
	// S3: the bucket is one of S3, or of a service that speaks its protocol; then queue
	// messages and tickets name it and its keys as s3Bucket and s3Key too. Default: as
	// Signer says, if it is a [blobstore.S3Signer].
	S3 bool
	// Topic carries wake-ups to workers. Required.
	Topic *pubsub.Topic
	// Publishing is how wake-ups are given to Topic's driver, such as with the
	// organization as the ordering key; what opened the topic may have it. Default:
	// as package queue has it.
	Publishing *queue.PublisherOptions
	// Subscription of the topic, for [Worker.Run]. A process that only accepts,
	// or is called with each wake-up, needs none. See [queue.Static].
	Subscription queue.Opener
	// Jobs keeps the records. Required.
	Jobs jobs.Store
	// Processes tells which processes that worked on Jobs are dead, so that a [Sweeper]
	// takes over their jobs before the leases run out. Default: nobody is known to be
	// dead, and leases run out.
	Processes Processes
}

// Processes tells processes apart that work on the same job store. It must be safe for
// concurrent use.
type Processes interface {
	// Name of this process, without a slash. No other process has, or ever had, the same.
	Name() string
	// Dead reports whether the process of a name has ended. It must be true only if that
	// is certain: the jobs of a process that lives would be worked on twice.
	Dead(name string) bool
}

// Service accepts payloads and answers for their jobs. It is safe for
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
	lines    map[string]fhirbundle.Severity // Options.Severities, for NDJSON
}

// New returns a Service. It fails where a back end is missing or an option
// can't work. A nil opts means the defaults.
func New(back Backends, opts *Options) (*Service, error) {
	switch {
	case back.Bucket == nil:
		return nil, errors.New("ingest: Backends.Bucket is missing")
	case back.Topic == nil:
		return nil, errors.New("ingest: Backends.Topic is missing")
	case back.Jobs == nil:
		return nil, errors.New("ingest: Backends.Jobs is missing")
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	blobs, err := blobstore.New(back.Bucket, &blobstore.Options{Bucket: o.BucketName, Signer: back.Signer, S3: back.S3})
	if err != nil {
		return nil, err
	}
	if !o.NoUploads && !blobs.SignsUploads() {
		return nil, errors.New("ingest: nothing signs uploads: Backends.Signer is missing and the bucket can't sign by itself; " +
			"set it, or set Options.NoUploads for a service that only takes what is sent to Accept")
	}
	bindings, _ := blobs.UploadBindings()
	if most := bindings.MaxExpiry; most > 0 && o.UploadExpiry > most && !o.NoUploads {
		return nil, fmt.Errorf("ingest: Options.UploadExpiry must be at most %s: the object store signs nothing for longer", most)
	}
	if bindings.MaxPut > 0 {
		o.MaxUploadBytes = min(o.MaxUploadBytes, bindings.MaxPut)
	}
	pub, err := queue.NewPublisher(back.Topic, back.Publishing)
	if err != nil {
		return nil, err
	}
	lines := map[string]fhirbundle.Severity{lineTwice: fhirbundle.SeverityNone}
	maps.Copy(lines, o.Severities)
	svc := &Service{
		lines:    lines,
		blobs:    blobs,
		back:     back,
		opts:     o,
		waker:    newWaker(pub),
		outcomes: stage.New(back.Bucket, o.stagingOutcomes()),
	}
	svc.backlog.svc = svc
	return svc, nil
}

// MaxBodyBytes is the largest body that Accept takes, in bytes: that of its Options.
func (s *Service) MaxBodyBytes() int64 { return s.opts.MaxBodyBytes }

// now is the time as records keep it.
func (s *Service) now() time.Time { return s.opts.Now().UTC().Truncate(time.Microsecond) }

// reading are the options with which a payload is read, at the door and at
// work.
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

// lineTwice is the code of the rule that compares the lines of an NDJSON file. Nobody
// would see its warnings, and they would take memory for each line.
const lineTwice = "ndjson-duplicate"

// settle is the time that bookkeeping may take once a payload is stored: it
// goes on when the client is gone, for half a record helps nobody.
const settle = 10 * time.Second

// unavailable wraps an error of a back end.
func unavailable(what string, err error) error {
	return &Error{Kind: ErrUnavailable, Message: "Service unavailable, try again later", Err: fmt.Errorf("%s: %w", what, err)}
}
