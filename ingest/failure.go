package ingest

import (
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Codes of jobs that failed though the handler and all back ends worked.
const (
	// CodeTransactionRejected: an entry of a transaction was rejected, so none was
	// taken. It is also the code of the issue of the other entries.
	CodeTransactionRejected = "transaction-rejected"
	// CodeNothingTaken: every resource of the payload was rejected.
	CodeNothingTaken = "nothing-taken"
)

// Failure is an error with a code and a message that the job's sender may see.
// Neither may hold anything of the payload. What a handler returns is looked for
// a *Failure with errors.As; without one the sender sees "The payload could not be
// processed" with the code "handler".
//
// A job's own codes are, besides these: handler-panic, invalid (with issues),
// too-large, upload-mismatch, payload-gone, payload-changed, payload-read,
// processing (a back end failed), stalled
// (see [WorkerOptions.StallTimeout]), parts-lost (see [StartOver]),
// outputs-incomplete (see [Finisher]), out-of-time (see [Worker.Work]), waiting (see
// [Wait]), [CodeTransactionRejected], [CodeNothingTaken], [jobs.CodeWaited], and
// [jobs.CodeAttempts].
type Failure struct {
	Code      string
	Message   string
	Permanent bool // no further attempt
	// Err is the cause; it may be nil. How much of it is logged is in
	// [Options.LogHandlerErrors].
	Err error

	issues    []fhirbundle.Issue
	startOver bool          // see StartOver
	restart   bool          // see jobs.Failure.Restart
	wait      time.Duration // the handler asked to wait
	handler   error         // what the handler returned, if it is the handler's
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Message
	}
	if inner, ok := errors.AsType[*Failure](f.Err); ok && inner.Message == f.Message {
		return f.Err.Error() // which says it
	}
	return f.Message + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// defaultFailure is what the sender sees of an error that says nothing to it.
func defaultFailure(err error) *Failure {
	return &Failure{Code: "handler", Message: "The payload could not be processed", Err: err}
}

// failureOf is err as a Failure of its own, with the code and message of the one in
// it, and with what is said around that.
func failureOf(err error) *Failure {
	given, ok := errors.AsType[*Failure](err)
	if !ok {
		return defaultFailure(err)
	}
	f := *given
	if err != error(given) {
		f.Err = err
	}
	return &f
}

// Permanent marks an error that no further attempt can mend: the job fails at
// once, and can be redriven. A [Failure] in err keeps its code and message, and the
// text around it is kept too. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	f := failureOf(err)
	f.Permanent = true
	return f
}

// Wait asks for another attempt in d, as a target's Retry-After says, and not to
// count this one. The job is not claimed before, and under
// [WorkerOptions.OrderPerOrganization] the later ones of its organization wait with
// it. A d of less than a second is one. A [Failure] in err has the code and the
// message that the job shows meanwhile; by default the code is "waiting". An err that
// is [Permanent] or a [StartOver] stays one and does not wait. Wait(d, nil) is nil.
//
// A job can wait for [WorkerOptions.MaxWait] in all while nothing of it is taken and
// no attempt fails; then it fails with the code [jobs.CodeWaited].
func Wait(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &waiting{d: max(d, time.Second), err: err}
}

type waiting struct {
	d   time.Duration
	err error
}

func (w *waiting) Error() string { return "wait for " + w.d.String() + ": " + w.err.Error() }
func (w *waiting) Unwrap() error { return w.err }

// handlerFailure is an error of a handler as a Failure. What it wraps can be read
// and is not matched: an error like ErrLeaseLost, as a handler with jobs of its own
// may have, says nothing about this lease.
func handlerFailure(err error) *Failure {
	f := failureOf(err)
	if w, ok := errors.AsType[*waiting](err); ok && !f.Permanent && !f.startOver { // whichever is around the other
		f.wait = w.d
		if _, given := errors.AsType[*Failure](err); !given {
			f.Code, f.Message = "waiting", "The payload's target asked to wait"
		}
	}
	f.handler = err
	if f.Err != nil {
		f.Err = struct{ error }{f.Err}
	}
	return f
}

func (f *Failure) record(now time.Time) jobs.Failure {
	return jobs.Failure{Code: f.Code, Message: f.Message, At: now, Issues: rawIssues(f.issues), Restart: f.restart}
}
