package natsqueue

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"gocloud.dev/gcerrors"
)

// errorCodes implements the error methods that driver.Topic and driver.Subscription
// share.
type errorCodes struct{}

// IsRetryable implements driver.Topic and driver.Subscription. Nothing is retried here:
// a failed Send is not worth waiting for, since the job is found without its wake-up, and
// queue.Reopen replaces a broken subscription.
func (errorCodes) IsRetryable(error) bool { return false }

// ErrorAs implements driver.Topic and driver.Subscription.
func (errorCodes) ErrorAs(err error, i any) bool {
	switch target := i.(type) {
	case *jetstream.JetStreamError:
		return errors.As(err, target)
	case **jetstream.APIError:
		return errors.As(err, target)
	}
	return false
}

// codes maps errors of the client to Go CDK's.
var codes = []struct {
	code   gcerrors.ErrorCode
	causes []error
}{
	{gcerrors.Canceled, []error{context.Canceled}},
	{gcerrors.DeadlineExceeded, []error{context.DeadlineExceeded, nats.ErrTimeout}},
	{gcerrors.PermissionDenied, []error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrPermissionViolation,
	}},
	// To publish without a stream, or to pull without a consumer, finds no responder.
	{gcerrors.NotFound, []error{
		jetstream.ErrNoStreamResponse, jetstream.ErrStreamNotFound, jetstream.ErrConsumerNotFound,
		jetstream.ErrConsumerDeleted, nats.ErrNoResponders,
	}},
	{gcerrors.InvalidArgument, []error{nats.ErrMaxPayload, jetstream.ErrStreamMessageExceedsMaximum, jetstream.ErrBadRequest}},
	{gcerrors.FailedPrecondition, []error{
		jetstream.ErrJetStreamNotEnabled, jetstream.ErrJetStreamNotEnabledForAccount, jetstream.ErrNotPullConsumer,
	}},
	{gcerrors.ResourceExhausted, []error{jetstream.ErrMaximumConsumersLimit, &jetstream.APIError{ErrorCode: storeFailed}}},
}

// storeFailed is the server's code for a message that exceeds a limit of a stream that
// discards new messages.
// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const storeFailed jetstream.ErrorCode = 10077

// ErrorCode implements driver.Topic and driver.Subscription.
func (errorCodes) ErrorCode(err error) gcerrors.ErrorCode {
	for _, c := range codes {
		for _, cause := range c.causes {
			if errors.Is(err, cause) {
				return c.code
			}
		}
	}
	return gcerrors.Unknown
}
