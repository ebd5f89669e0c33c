package ingest

import (
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Codes of jobs that failed although the handler and all back ends worked.
const (
	// CodeTransactionRejected: an entry of a transaction was rejected, and with it the
	// whole transaction. The outcomes of the other entries have this code too.
	CodeTransactionRejected = "transaction-rejected"
	// CodeNothingTaken: every resource of the payload was rejected.
	CodeNothingTaken = "nothing-taken"
)

// Failure is an error with a code and a message that the job's sender can see. Neither may
// contain anything of the payload. The worker looks for a *Failure in a handler's error
// with errors.As; without one the sender sees "The payload could not be processed" with
// the code "handler".
//
// The pipeline itself uses these codes: handler-panic, invalid (with issues), too-large,
// upload-mismatch, payload-gone, payload-changed, payload-read, processing (a back end
// failed), stalled (see [WorkerOptions.StallTimeout]), parts-lost (see [StartOver]),
// outputs-incomplete (see [Finisher]), out-of-time (see [Worker.Work]), waiting (see
// [Wait]), [CodeTransactionRejected], [CodeNothingTaken], [jobs.CodeWaited], and
// [jobs.CodeAttempts].
type Failure struct {
	Code      string
	Message   string
	Permanent bool // don't retry
	// Err is the cause; it may be nil. [Options.LogHandlerErrors] controls how much of it
	// is logged.
	Err error

	issues    []fhirbundle.Issue
	startOver bool          // see StartOver
	restart   bool          // see jobs.Failure.Restart
	wait      time.Duration // the handler asked to wait
	handler   error         // the handler's error, if it comes from the handler
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Message
	}
	if inner, ok := errors.AsType[*Failure](f.Err); ok && inner.Message == f.Message {
		return f.Err.Error() // it contains the message
	}
	return f.Message + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// defaultFailure is the Failure for an error that contains none.
func defaultFailure(err error) *Failure {
	return &Failure{Code: "handler", Message: "The payload could not be processed", Err: err}
}

// failureOf returns err as a new Failure, with the code and message of the one that err
// wraps, if any, and with err's text.
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

// Permanent marks an error that another attempt would not fix: the job fails at once,
// and can be redriven. The code and message of a [Failure] in err are kept, and so is
// the text around it. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	f := failureOf(err)
	f.Permanent = true
	return f
}

// Wait returns an error that makes the job be retried after d, such as a target's
// Retry-After, without counting the attempt. The job is not claimed earlier, and with
// [WorkerOptions.OrderPerOrganization] the later jobs of its organization wait too. d is
// at least one second; less is rounded up. Until then the job shows the code and message
// of the [Failure] in err, by default "waiting". An err that is [Permanent] or a
// [StartOver] stays one and does not wait. Wait(d, nil) is nil.
//
// A job that makes no progress, and has no failed attempt either, can wait for
// [WorkerOptions.MaxWait] in total; then it fails with the code [jobs.CodeWaited].
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

// handlerFailure returns a handler's error as a Failure. The cause keeps its text, but
// errors.Is does not match it: an ErrLeaseLost from a pipeline inside the handler, for
// example, is not about this lease.
func handlerFailure(err error) *Failure {
	f := failureOf(err)
	if w, ok := errors.AsType[*waiting](err); ok && !f.Permanent && !f.startOver { // in either order of wrapping
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
