package pgnotify

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/internal/sqlsession"
)

// codes has the methods for errors of topics and subscriptions.
type codes struct{}

// IsRetryable implements driver.Topic and driver.Subscription. It returns false: the outcome
// of a failure is unknown, and lost wake-ups don't matter.
func (codes) IsRetryable(error) bool { return false }

// ErrorAs implements driver.Topic and driver.Subscription.
func (codes) ErrorAs(err error, i any) bool {
	switch target := i.(type) {
	case **pgconn.PgError:
		return errors.As(err, target)
	case **pgconn.ConnectError:
		return errors.As(err, target)
	}
	return false
}

// ErrorCode implements driver.Topic and driver.Subscription.
func (codes) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case err == nil:
		return gcerrors.OK
	case errors.Is(err, errTooLong):
		return gcerrors.InvalidArgument
	case errors.Is(err, errClosed):
		return gcerrors.FailedPrecondition
	case errors.Is(err, errors.ErrUnsupported):
		return gcerrors.Unimplemented
	case errors.Is(err, context.Canceled):
		return gcerrors.Canceled
	case errors.Is(err, errSilent), errors.Is(err, context.DeadlineExceeded):
		return gcerrors.DeadlineExceeded
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return sqlState(e.Code)
	}
	return gcerrors.Unknown
}

// sqlState maps a SQLSTATE to an error code.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func sqlState(code string) gcerrors.ErrorCode {
	switch code {
	case "3D000": // no such database
		return gcerrors.NotFound
	case "42501": // insufficient privilege
		return gcerrors.PermissionDenied
	case "54000": // too many notifications in the queue
		return gcerrors.ResourceExhausted
	case "57014": // the query was cancelled
		return gcerrors.Canceled
	case sqlsession.ReadOnly: // the server is a standby
		return gcerrors.FailedPrecondition
	}
	if len(code) != 5 {
		return gcerrors.Unknown
	}
	switch code[:2] {
	case "22": // data
		return gcerrors.InvalidArgument
	case "28": // authorization
		return gcerrors.PermissionDenied
	case "53": // resources, such as connections
		return gcerrors.ResourceExhausted
	case "55": // object not in prerequisite state
		return gcerrors.FailedPrecondition
	case "58", "XX":
		return gcerrors.Internal
	}
	return gcerrors.Unknown
}
