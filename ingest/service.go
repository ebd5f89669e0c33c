package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
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
}

// Service accepts payloads and answers for their jobs. It is safe for
// concurrent use, and several processes may share its back ends.
type Service struct {
	blobs    *blobstore.Store
	back     Backends
	opts     Options
	pub      *queue.Publisher
	outcomes *stage.Area
	inFlight inFlight
	listing  listing
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
	lines := map[string]fhirbundle.Severity{lineTwice: fhirbundle.None}
	maps.Copy(lines, o.Severities)
	return &Service{
		lines:    lines,
		blobs:    blobs,
		back:     back,
		opts:     o,
		pub:      pub,
		outcomes: stage.New(back.Bucket, o.stagingOutcomes()),
	}, nil
}

// Ready reports whether the back ends answer, for a readiness probe. The error
// names what does not.
func (s *Service) Ready(ctx context.Context) error {
	switch ok, err := s.back.Bucket.IsAccessible(ctx); {
	case err != nil:
		return fmt.Errorf("bucket is not accessible: %w", err)
	case !ok:
		return errors.New("bucket is not accessible: it does not exist")
	}
	if _, err := s.back.Jobs.Due(ctx, time.UnixMicro(1), 1); err != nil {
		return fmt.Errorf("job store does not answer: %w", err)
	}
	return nil
}

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
	if format == fhirbundle.NDJSON {
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

// wake publishes a wake-up. A failure is nobody's: the sweeper sends another.
func (s *Service) wake(ctx context.Context, job *jobs.Job) { _ = s.publish(ctx, job) }

func (s *Service) publish(ctx context.Context, job *jobs.Job) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	msg := queue.Message{
		JobID:            job.ID,
		Bucket:           job.Payload.Bucket,
		Key:              job.Payload.Key,
		OrganizationID:   job.OrganizationID,
		OrganizationName: job.OrganizationName,
		UserID:           job.UserID,
		Source:           string(job.Source),
		FileSize:         job.Payload.Size,
		Timestamp:        s.now(),
	}
	if s.blobs.S3() {
		msg.S3Bucket, msg.S3Key = msg.Bucket, msg.Key
	}
	err := s.pub.Publish(ctx, msg)
	switch {
	case gcerrors.Code(err) == gcerrors.ResourceExhausted: // ordinary: workers are behind
		s.opts.Logger.DebugContext(ctx, "queue is full; the sweeper sends the wake-up", "job", job.ID)
	case err != nil:
		s.opts.Logger.WarnContext(ctx, "wake-up not sent; the sweeper sends it again", "job", job.ID, "error", err)
	}
	return err
}

// unavailable wraps an error of a back end.
func unavailable(what string, err error) error {
	return &Error{Kind: ErrUnavailable, Message: "Service unavailable, try again later", Err: fmt.Errorf("%s: %w", what, err)}
}
