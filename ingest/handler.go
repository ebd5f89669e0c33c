package ingest

import (
	"context"
	"errors"
	"strconv"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Handler takes over what a payload holds, batch by batch. Batches of one job
// come one after the other, in order; those of several jobs come at once, up to
// [WorkerOptions.Concurrency].
//
// A batch may come again: after an error, or where the process died before it
// was recorded. It then has the same [Batch.Key] and the same resources, so that
// a handler can make its effects once. For a moment it may even come at once to
// two workers, where one that stalled has lost its lease and does not know yet:
// let the effects' own store decide which is first, with a unique key in the same
// transaction, not a look before it. What was refused must be refused each time,
// also of a batch whose effects are there already: see [Batch.Reject].
type Handler interface {
	// Handle returns nil once the effects are durable. Single resources are
	// refused by [Batch.Reject]. An error makes the job be retried from this
	// batch, unless it is [Permanent]; what the job's sender sees of it is in
	// [Failure]. Other errors are logged as they are, so they must hold
	// nothing of the payload. A panic counts as an error. ctx ends within a
	// second or so when the job is cancelled or the lease is lost, and when a
	// worker that must stop has waited for [WorkerOptions.DrainTimeout].
	Handle(ctx context.Context, b *Batch) error
}

// Finisher is a [Handler] that wants to be told when all batches of a job were
// handled, before the job completes. It may be called again, and by two workers
// at once, like a Handler. An error is treated like one of Handle.
type Finisher interface {
	// Finish returns what came out of the job, which is not to be changed. The
	// counts of the outputs must add up to job.Progress.Done, so that nothing that
	// is said to be done is missing: each resource counts in one output, and an
	// output that holds something else, or resources again, has the count 0. Counts
	// that don't add up fail the job with the code "outputs-incomplete"; where all
	// are 0, nothing is checked. A Finish that finds what its Handle kept gone or
	// damaged returns [StartOver].
	Finish(ctx context.Context, job *jobs.Job) ([]jobs.Output, error)
}

// Discarder is a [Handler] that keeps something of a job until its Finish, and
// wants to be told where that will not come: the job was cancelled, and no worker
// has it any more. It may be called again: after an error until it succeeds.
type Discarder interface {
	// Discard removes what was kept of the job.
	Discard(ctx context.Context, job *jobs.Job) error
}

// HandlerFunc is a Handler that is one function.
type HandlerFunc func(ctx context.Context, b *Batch) error

// Handle implements [Handler].
func (f HandlerFunc) Handle(ctx context.Context, b *Batch) error { return f(ctx, b) }

// Batch is a run of resources of one payload. It, and all bytes in it, are the
// handler's until Handle returns, and are reused after that.
type Batch struct {
	// Job as claimed; not to be changed.
	Job *jobs.Job
	// Key is the same whenever this batch is handed over, and no other batch's,
	// of whichever organization. The redrive of a failed job keeps the keys, that
	// of a completed one makes new ones, since its effects are wanted again. At
	// most 128 bytes of [a-z0-9./-]; what they say is not for parsing.
	Key string
	// Start and End are the byte offsets in the payload between which the
	// batch lies.
	Start, End int64
	// Whole: the batch is all that there is in the payload. Transaction,
	// message and document Bundles always come whole.
	Whole bool
	// Resources in the order of the payload. Those that were refused already
	// when they were read are not among them.
	Resources []Resource

	rejected []Outcome
}

// Resource is one entry of a Bundle, or one line of NDJSON.
type Resource struct {
	// Index of the entry, or of the line that is not blank, from 0; Line from
	// 1; Offset of the entry or line in bytes.
	Index  int64
	Line   int64
	Offset int64
	// Type is empty, and Raw nil, for an entry without a resource: a GET, HEAD
	// or DELETE.
	Type string
	// ID, FullURL, Method and URL as in the entry, empty where absent.
	ID      string
	FullURL string
	Method  string
	URL     string
	// Raw is the resource as it was sent, byte for byte.
	Raw []byte

	rejected bool
}

// Outcome says what became of one resource that was not taken: a line of the
// outcomes file.
type Outcome struct {
	// Entry of the Bundle, from 0, or Line of the NDJSON file, from 1.
	Entry *int64 `json:"entry,omitempty"`
	Line  int64  `json:"line,omitempty"`
	// Offset in bytes.
	Offset       int64              `json:"offset"`
	ResourceType string             `json:"resourceType,omitempty"`
	ID           string             `json:"id,omitempty"`
	Issues       []fhirbundle.Issue `json:"issues"`
}

// Failure is an error with a code and a message that the job's sender may see.
// Neither may hold anything of the payload. What a handler returns is looked for
// a *Failure with errors.As; without one the sender sees "The payload could not be
// processed" with the code "handler".
//
// A job's own codes are, besides these: handler-panic, invalid (with issues),
// too-large, upload-mismatch, payload-gone, payload-changed, payload-read,
// processing (a back end failed), stalled
// (see [WorkerOptions.StallTimeout]), parts-lost (see [StartOver]),
// outputs-incomplete (see [Finisher]), and [jobs.CodeAttempts].
type Failure struct {
	Code      string
	Message   string
	Permanent bool  // no further attempt
	Err       error // for the log; may be nil

	issues    []fhirbundle.Issue
	startOver bool // see StartOver
}

func (f *Failure) Error() string {
	if f.Err != nil {
		return f.Message + ": " + f.Err.Error()
	}
	return f.Message
}

func (f *Failure) Unwrap() error { return f.Err }

// Permanent marks an error that no further attempt can mend: the job fails at
// once, and can be redriven. A [Failure] in err keeps its code and message.
func Permanent(err error) error {
	if f, ok := errors.AsType[*Failure](err); ok {
		p := *f
		p.Permanent = true
		return &p
	}
	return &Failure{Code: "handler", Message: "The payload could not be processed", Permanent: true, Err: err}
}

// Reject refuses resource i of the batch: it is listed in the job's outcomes
// with a code and a message, which must hold nothing of the payload. It does not
// count where Handle returns an error: when the batch comes again it must be
// refused again, or the resource is taken for done.
//
// It panics if the batch has no resource i. Refusing one again does nothing.
func (b *Batch) Reject(i int, code, message string) {
	r := &b.Resources[i]
	if r.rejected {
		return
	}
	r.rejected = true
	o := Outcome{Offset: r.Offset, ResourceType: r.Type, ID: r.ID, Issues: []fhirbundle.Issue{{
		Code: code, Severity: fhirbundle.Error, Message: message, Entry: &r.Index, Line: r.Line, Offset: r.Offset,
	}}}
	if b.Job.Payload.Format == string(fhirbundle.NDJSON) {
		o.Line = r.Line
	} else {
		o.Entry = &r.Index
		o.Issues[0].Path = "Bundle.entry[" + strconv.FormatInt(r.Index, 10) + "].resource"
	}
	b.rejected = append(b.rejected, o)
}
