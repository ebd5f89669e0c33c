package ingest

import (
	"log/slog"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// Options of a [Service]; nil, and zero fields, mean the defaults.
type Options struct {
	// BucketName is what receipts, records and messages call the bucket.
	// Default "fhirdock".
	BucketName string
	// Prefix of payload keys. Default "incoming/fhir".
	Prefix string
	// OutcomesPrefix of the files that list rejected resources. Default
	// "outcomes".
	OutcomesPrefix string

	// Level of validation. Default [fhirbundle.Lenient].
	Level fhirbundle.Level
	// BundleTypes that are accepted. Default [fhirbundle.DefaultTypes].
	BundleTypes []string
	// MaxBodyBytes of a Bundle that is sent by Accept. Default 64 MiB.
	MaxBodyBytes int64
	// MaxUploadBytes of a signed upload. Default 100 GiB; object stores may
	// take less in one PUT (S3: 5 GiB).
	MaxUploadBytes int64
	// BufferBytes is the size up to which a body is held in memory before it
	// is written, so that its object's metadata can say bundle_type and
	// entry_count. Default 1 MiB.
	BufferBytes int

	// UploadExpiry of signed URLs. Default 15 minutes.
	UploadExpiry time.Duration
	// UploadGrace is how long after that an upload which began in time and
	// whose notification was lost is still looked for. Default 24 hours.
	UploadGrace time.Duration
	// MaxAttempts of a job. Default 5.
	MaxAttempts int
	// RetryBase and RetryMax bound the exponential back-off with full jitter
	// between attempts. Default 1 second and 5 minutes.
	RetryBase time.Duration
	RetryMax  time.Duration
	// WakeAfter is how long a wake-up is trusted to arrive before the sweeper
	// sends another. Default 10 seconds.
	WakeAfter time.Duration

	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger gets what an operator should know; nothing of a payload. Default
	// slog.Default().
	Logger *slog.Logger
	// Observe is called for each [Event], synchronously and concurrently; it
	// must be quick. Default: nobody.
	Observe func(Event)
}

// EventKind says what happened.
type EventKind string

const (
	EventAccepted      EventKind = "accepted"       // a payload was accepted
	EventRefused       EventKind = "refused"        // a payload was refused
	EventUploadSigned  EventKind = "upload_signed"  // an upload URL was issued
	EventObjectIgnored EventKind = "object_ignored" // a notification nobody asked for
	EventClaimed       EventKind = "claimed"        // a worker took a job
	EventBatch         EventKind = "batch"          // a batch was handed over
	EventFinished      EventKind = "finished"       // a job reached a final state
	EventRetry         EventKind = "retry"          // an attempt failed, another follows
	EventRescued       EventKind = "rescued"        // a job was taken from a dead worker
	EventLeaseLost     EventKind = "lease_lost"     // a worker lost a job
	EventWoken         EventKind = "woken"          // the sweeper sent a wake-up
)

// Event is for metrics and tests. It names no tenant and holds nothing of a
// payload.
type Event struct {
	Kind EventKind
	// JobID where there is a job.
	JobID  string
	Source string
	// State that a finished job reached.
	State string
	// Code of a refusal or failure.
	Code string
	// Bytes and resources of a payload or batch.
	Bytes     int64
	Resources int64
	Rejected  int64
	// Duration of an accept, batch, or attempt.
	Duration time.Duration
}
