package ingest

import (
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/fhirbundle"
)

// Kinds of errors that a [Service] returns, to be matched with errors.Is. Each comes in
// an [*Error] whose message is fit for the caller.
var (
	// ErrInvalid: the request or the payload is wrong; 400.
	ErrInvalid = errors.New("ingest: invalid input")
	// ErrForbidden: the caller may not do this; 403.
	ErrForbidden = errors.New("ingest: forbidden")
	// ErrNotFound: there is no such job, or it belongs to another organization; 404.
	ErrNotFound = errors.New("ingest: not found")
	// ErrState: the job's state does not allow this; 409.
	ErrState = errors.New("ingest: not allowed in this state")
	// ErrInFlight: a request under the same idempotency key is in progress; 409.
	ErrInFlight = errors.New("ingest: idempotency key in flight")
	// ErrTooLarge: the payload is over the limit; 413.
	ErrTooLarge = errors.New("ingest: too large")
	// ErrMediaType: the content type or encoding is not supported; 415.
	ErrMediaType = errors.New("ingest: unsupported media type")
	// ErrKeyReused: the idempotency key was used for a different payload; 422.
	ErrKeyReused = errors.New("ingest: idempotency key reused")
	// ErrTooMany: the organization is over a limit; try again later; 429.
	ErrTooMany = errors.New("ingest: too many")
	// ErrUnavailable: storage or the job store failed, and nothing was accepted; try
	// again; 503.
	ErrUnavailable = errors.New("ingest: unavailable")
)

// Error is an error with a message for the caller. The message contains nothing of the
// payload.
type Error struct {
	Kind    error
	Message string
	// Issues are the findings in the payload that caused the error, if any.
	Issues []fhirbundle.Issue
	// RetryAfter is how long to wait before trying again, after ErrTooMany or
	// ErrUnavailable. Default: the HTTP handler's, 5 seconds.
	RetryAfter time.Duration
	// Err is the cause, for logs only; it may be nil.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap makes errors.Is match the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
