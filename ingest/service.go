package ingest

import (
	"context"
	"io"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// Backends are what a pipeline runs on. They stay the caller's to close, after
// everything that uses them has ended.
type Backends struct {
	// Bucket keeps payloads, outcomes and outputs. Required.
	Bucket *blob.Bucket
	// Signer signs uploads into Bucket. Default: the bucket itself.
	Signer blobstore.UploadSigner
	// Topic carries wake-ups to workers. Required.
	Topic *pubsub.Topic
	// Subscription of the topic, for workers. A process that only accepts
	// needs none. See [queue.Static].
	Subscription queue.Opener
	// Jobs keeps the records. Required.
	Jobs jobs.Store
}

// Service accepts payloads and answers for their jobs. It is safe for
// concurrent use, and several processes may share its back ends.
type Service struct {
	blobs *blobstore.Store
	back  Backends
	opts  Options
	pub   *queue.Publisher
}

// New returns a Service. It fails where a back end is missing or an option
// can't work. A nil opts means the defaults.
func New(back Backends, opts *Options) (*Service, error) { panic("") }

// AcceptRequest is a Bundle that was sent.
type AcceptRequest struct {
	// Body is read once, as a stream.
	Body io.Reader
	// ContentType as sent. Default application/fhir+json.
	ContentType string
	// ContentEncoding as sent; only empty and identity are taken.
	ContentEncoding string
	// ContentLength in bytes if it was promised, otherwise -1 or 0.
	ContentLength int64
	// SHA256 of the body in hex if it was promised.
	SHA256 string
	// IdempotencyKey makes repeats of the request the same job. At most 255
	// bytes. Default: none.
	IdempotencyKey string
}

// Receipt is what the sender of an accepted payload gets.
type Receipt struct {
	Job *jobs.Job
	// Warnings are findings that did not stop the payload.
	Warnings []fhirbundle.Issue
	// Repeated: the job was there already, under the same Idempotency-Key.
	Repeated bool
}

// Accept validates, stores and records a Bundle in one pass. When it returns
// without error the payload and its job are durable. Errors: ErrInvalid (with
// issues, or where the body could not be read to its end), ErrTooLarge,
// ErrMediaType, ErrKeyReused, ErrUnavailable.
func (s *Service) Accept(ctx context.Context, who Caller, req AcceptRequest) (*Receipt, error) {
	panic("")
}

// UploadRequest asks for a signed upload.
type UploadRequest struct {
	// ContentType of the file: one of [UploadContentTypes]. Default
	// application/fhir+ndjson.
	ContentType string
	// ContentLength in bytes that the upload must have; 0: any up to
	// [Options.MaxUploadBytes].
	ContentLength int64
	// SHA256 that the upload must have, 64 hex digits; empty: any.
	SHA256 string
	// IdempotencyKey as in [AcceptRequest].
	IdempotencyKey string
}

// UploadTicket is all that a client needs in order to upload.
type UploadTicket struct {
	Job    *jobs.Job
	Upload *blobstore.SignedUpload
}

// UploadContentTypes are the content types of uploads, and the name endings
// that their objects get.
func UploadContentTypes() map[string]string {
	return map[string]string{
		"application/fhir+json":   ".json",
		"application/json":        ".json",
		"application/fhir+ndjson": ".ndjson",
		"application/x-ndjson":    ".ndjson",
	}
}

// SignUpload creates a job that awaits its upload and signs a PUT for it.
// Errors: ErrInvalid, ErrTooLarge, ErrMediaType, ErrKeyReused, ErrUnavailable.
func (s *Service) SignUpload(ctx context.Context, who Caller, req UploadRequest) (*UploadTicket, error) {
	panic("")
}

// ObjectCreated looks at an object that a notification names, and accepts the
// job that asked for it. A notification that no job asked for is counted and
// otherwise ignored: what it says is looked up, never believed. An error means
// that looking failed; the sweeper looks again.
func (s *Service) ObjectCreated(ctx context.Context, created notify.ObjectCreated) error {
	panic("")
}

// Job returns one of the caller's jobs. ErrNotFound, ErrUnavailable.
func (s *Service) Job(ctx context.Context, who Caller, id string) (*jobs.Job, error) { panic("") }

// ListRequest selects the caller's jobs.
type ListRequest struct {
	// State to select; empty means all. ErrInvalid if it is not a state.
	State jobs.State
	// Limit of the page: 0 means 50; at most 500, ErrInvalid above.
	Limit int
	// Cursor from the page before. ErrInvalid if it is not one.
	Cursor string
}

// Jobs lists the caller's jobs, newest first.
func (s *Service) Jobs(ctx context.Context, who Caller, req ListRequest) (*jobs.Page, error) {
	panic("")
}

// Cancel ends a job that is not finished; a worker that has it stops. A job that
// is cancelled already is returned as it is. ErrNotFound, ErrState if it is
// finished otherwise, ErrUnavailable.
func (s *Service) Cancel(ctx context.Context, who Caller, id string) (*jobs.Job, error) { panic("") }

// Redrive accepts a failed or completed job once more. ErrNotFound, ErrState,
// ErrUnavailable.
func (s *Service) Redrive(ctx context.Context, who Caller, id string) (*jobs.Job, error) { panic("") }

// Outcomes streams what was rejected of a job, as NDJSON of [Outcome]; empty if
// nothing was. While the job is not finished it is what is known so far.
// ErrNotFound, ErrUnavailable.
func (s *Service) Outcomes(ctx context.Context, who Caller, id string) (io.ReadCloser, error) {
	panic("")
}

// Ready reports whether the back ends answer, for a readiness probe. The error
// names what does not.
func (s *Service) Ready(ctx context.Context) error { panic("") }

// Issues decodes the findings that a job or its failure carries.
func Issues(raw []byte) []fhirbundle.Issue { panic("") }

func (s *Service) now() time.Time { return s.opts.Now().UTC() }
