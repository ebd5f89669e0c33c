package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
)

// Options are the options of a [Service]; nil, and zero fields, mean the defaults.
type Options struct {
	// Prefix of payload keys. Default "incoming/fhir".
	Prefix string
	// OutcomesPrefix of the files that list rejected resources. Default "outcomes".
	OutcomesPrefix string
	// StagingPrefix of data that is kept until a job ends. The Service keeps the parts of
	// outcomes files below {StagingPrefix}/outcomes, and the lists of large payloads'
	// blocks below {StagingPrefix}/blocks. All of it may be removed at any time, such as
	// by a lifecycle rule. Missing data is made again, except for outcomes: their file
	// then says how many it does not list. Default "staging".
	StagingPrefix string

	// Adopt creates jobs for objects below a prefix that were not uploaded to a signed
	// URL; see [Adoption]. Default: none are adopted.
	Adopt *Adoption

	// Retention of finished jobs and their objects. Default: everything is kept for ever.
	Retention *Retention

	// Level of validation. Default [fhirbundle.LevelLenient].
	Level fhirbundle.Level
	// FHIRVersion of payloads whose content type has no parameter fhirVersion.
	// Default [fhirbundle.R4].
	FHIRVersion fhirbundle.Version
	// Severities overrides the severities of findings by the code of their rule, as in
	// [fhirbundle.Options]. New fails for a code that no rule has, or whose severity
	// can't be changed, and for ndjson-duplicate: a worker may start in the middle of a
	// file, so its findings in a line must not depend on other lines.
	Severities map[string]fhirbundle.Severity
	// BundleTypes that are accepted. Default [DefaultBundleTypes].
	BundleTypes []string
	// MaxBodyBytes of a Bundle passed to Accept. Default 64 MiB.
	MaxBodyBytes int64
	// MaxUploadBytes of a signed upload. Default 100 GiB. It is capped at the store's
	// limit for one PUT: 5 GiB on S3, 5,000 MiB on Azure, 5 TiB on GCS.
	MaxUploadBytes int64
	// BufferBytes is the size up to which a body is held in memory before it is written,
	// so that its object's metadata can contain bundle_type and entry_count. Default
	// 1 MiB.
	BufferBytes int

	// MaxEntryBytes bounds one entry of a Bundle and one line of NDJSON, and with it the
	// memory for reading a payload: up to twice as much. Default
	// [fhirbundle.DefaultMaxEntryBytes].
	MaxEntryBytes int
	// MaxStringBytes bounds one string of a payload, in bytes as written. Default:
	// MaxEntryBytes, so that a string that fits into an entry is never too long.
	MaxStringBytes int
	// MaxDepth is the maximum nesting of a payload's objects and arrays. Default
	// [fhirbundle.DefaultMaxDepth].
	MaxDepth int

	// NoUploads turns signed uploads off: SignUpload returns ErrForbidden, and Backends
	// need no signer. Default: uploads are signed.
	NoUploads bool
	// UploadExpiry of signed URLs. Default 1 hour. New fails if it is more than the
	// object store can sign: 7 days on S3, GCS and Azure.
	UploadExpiry time.Duration
	// UploadGrace is how long after that an upload that began in time is still looked
	// for if its notification was lost. Default 24 hours.
	UploadGrace time.Duration
	// StoreTimeout is how long a caller waits for back ends that don't answer. Job, Jobs,
	// Outcomes, Cancel, Redrive and RedriveAll return ErrUnavailable after it. So do
	// SignUpload and Accept if their calls to look for an earlier job, to count the
	// waiting jobs, to sign, and to record the new job take that long together. Writing
	// the payload has no such bound. The back ends must return when their context ends.
	// Default 2.5 seconds: with the round trip, clients get an answer within 3.
	StoreTimeout time.Duration
	// MaxOutcomes and MaxOutcomeBytes bound the list of a job's rejected resources: once
	// either is reached, further ones are only counted, and the last line of the outcomes
	// file, with the code [CodeOutcomesLimit], says how many they are. The bytes are
	// exceeded by less than one outcome. While a job fails or completes, its outcomes
	// take twice that space. Default 10,000 outcomes and 16 MiB.
	MaxOutcomes     int64
	MaxOutcomeBytes int64
	// MaxWaiting and MaxWaitingPerOrganization are how many jobs may wait for a worker, in
	// total and per organization, before Accept and SignUpload return ErrUnavailable and
	// ErrTooMany, with a RetryAfter by the rate at which the number falls. Repeats under a
	// known idempotency key, uploads that arrive, redrives and adopted objects are never
	// refused for it. Jobs are counted at most every two seconds, so the limits may be
	// exceeded meanwhile. On DynamoDB, Firestore and MongoDB counting reads each waiting
	// job. Default 0: no limit.
	MaxWaiting                int
	MaxWaitingPerOrganization int
	// MaxAttempts at a job that bring it no further, in a row. Default 10: with the default
	// back-off a job is given up after about five minutes, so that a short outage needs no
	// operator.
	MaxAttempts int
	// RetryBase and RetryMax bound the exponential back-off with full jitter
	// between attempts. Default 1 second and 5 minutes.
	RetryBase time.Duration
	RetryMax  time.Duration
	// WakeTimeout is how long Accept, ObjectCreated, Redrive, RedriveAll (for all of its
	// jobs together), and others that make a job ready wait for its wake-up to be sent.
	// A slower one is sent in the background, for up to 10 seconds in total. Set it to 2
	// seconds if the process is frozen after it has answered, as on AWS Lambda. Default
	// 200 ms; at most 10 seconds.
	WakeTimeout time.Duration

	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger for operators. Nothing of a payload is logged. Default slog.Default().
	Logger *slog.Logger
	// LogHandlerErrors logs the errors that handlers return, and the values of their
	// panics, as text. Drivers and servers quote the values that they refuse, so this
	// may put names and dates of patients into the log. Default false: only the types in
	// an error's chain, its SQLSTATE, SQLite's result code or HTTP status, and the code of
	// a [Failure] are logged; errors marked [Loggable] are logged as text.
	LogHandlerErrors bool
	// Observe is called for each [Event], synchronously and concurrently; it
	// must be quick. Default: none.
	Observe func(Event)
}

// DefaultBundleTypes are the Bundle types that are accepted if [Options.BundleTypes] is
// nil.
func DefaultBundleTypes() []string {
	return []string{"transaction", "batch", "collection", "message"}
}

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	setDefault(&d.Prefix, "incoming/fhir")
	setDefault(&d.OutcomesPrefix, "outcomes")
	setDefault(&d.StagingPrefix, "staging")
	setDefault(&d.Level, fhirbundle.LevelLenient)
	setDefault(&d.FHIRVersion, fhirbundle.R4)
	setDefault(&d.MaxBodyBytes, 64<<20)
	setDefault(&d.MaxUploadBytes, 100<<30)
	setDefault(&d.BufferBytes, 1<<20)
	setDefault(&d.MaxEntryBytes, fhirbundle.DefaultMaxEntryBytes)
	setDefault(&d.MaxStringBytes, d.MaxEntryBytes)
	setDefault(&d.MaxDepth, fhirbundle.DefaultMaxDepth)
	setDefault(&d.UploadExpiry, blobstore.DefaultExpiry)
	setDefault(&d.UploadGrace, 24*time.Hour)
	setDefault(&d.StoreTimeout, 2500*time.Millisecond)
	setDefault(&d.MaxOutcomes, 10_000)
	setDefault(&d.MaxOutcomeBytes, 16<<20)
	setDefault(&d.MaxAttempts, 10)
	setDefault(&d.RetryBase, time.Second)
	setDefault(&d.RetryMax, 5*time.Minute)
	setDefault(&d.WakeTimeout, 200*time.Millisecond)
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Observe == nil {
		d.Observe = func(Event) {}
	}
	if d.BundleTypes == nil {
		d.BundleTypes = DefaultBundleTypes()
	}

	if d.Level != fhirbundle.LevelLenient && d.Level != fhirbundle.LevelStrict {
		return d, fmt.Errorf("ingest: Options.Level must be %q or %q", fhirbundle.LevelLenient, fhirbundle.LevelStrict)
	}
	if d.FHIRVersion.Number() == "" {
		return d, fmt.Errorf("ingest: Options.FHIRVersion must be %q, %q or %q", fhirbundle.R4, fhirbundle.R4B, fhirbundle.R5)
	}
	reading := fhirbundle.Options{Types: d.BundleTypes, Severities: d.Severities, MaxEntryBytes: d.MaxEntryBytes, MaxStringBytes: d.MaxStringBytes, MaxDepth: d.MaxDepth}
	if err := reading.Check(); err != nil {
		return d, fmt.Errorf("ingest: %w", err)
	}
	if severity := d.Severities[lineTwice]; severity != "" && severity != fhirbundle.SeverityNone {
		return d, fmt.Errorf("ingest: Options.Severities[%s] is %q; allowed is none: a worker does not compare the lines of a file", lineTwice, severity)
	}
	if len(d.BundleTypes) == 0 {
		return d, errors.New("ingest: Options.BundleTypes is empty: no Bundle would be accepted")
	}
	taken := map[string]string{
		"Options.Prefix": d.Prefix, "Options.OutcomesPrefix": d.OutcomesPrefix, "Options.StagingPrefix": d.StagingPrefix,
	}
	for what, prefix := range taken {
		if !blobstore.ValidKey(prefix) {
			return d, fmt.Errorf("ingest: %s %q can't be the prefix of keys: %w", what, prefix, blobstore.ErrKey)
		}
		for other, there := range taken {
			if what < other && overlap(prefix, there) {
				return d, fmt.Errorf("ingest: %s %q overlaps %s %q", what, prefix, other, there)
			}
		}
	}
	adopt, err := d.Adopt.withDefaults(taken)
	if err != nil {
		return d, err
	}
	d.Adopt = adopt
	if err := d.Retention.check(); err != nil {
		return d, err
	}
	for name, v := range map[string]int64{
		"MaxBodyBytes": d.MaxBodyBytes, "MaxUploadBytes": d.MaxUploadBytes, "BufferBytes": int64(d.BufferBytes),
		"MaxOutcomes": d.MaxOutcomes, "MaxOutcomeBytes": d.MaxOutcomeBytes,
		"UploadExpiry": int64(d.UploadExpiry), "UploadGrace": int64(d.UploadGrace), "MaxAttempts": int64(d.MaxAttempts), "StoreTimeout": int64(d.StoreTimeout),
		"MaxWaiting": int64(d.MaxWaiting), "MaxWaitingPerOrganization": int64(d.MaxWaitingPerOrganization),
		"RetryBase": int64(d.RetryBase), "RetryMax": int64(d.RetryMax),
		"WakeTimeout": int64(d.WakeTimeout),
	} {
		if v < 0 {
			return d, fmt.Errorf("ingest: Options.%s must not be negative", name)
		}
	}
	if d.WakeTimeout > sendTimeout {
		return d, fmt.Errorf("ingest: Options.WakeTimeout is %s; at most %s is allowed", d.WakeTimeout, sendTimeout)
	}
	if d.RetryBase > d.RetryMax {
		return d, fmt.Errorf("ingest: Options.RetryBase is %s, above RetryMax, which is %s", d.RetryBase, d.RetryMax)
	}
	return d, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
