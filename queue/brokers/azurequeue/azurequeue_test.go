package azurequeue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"
	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/queue"
)

func TestURLs(t *testing.T) {
	t.Setenv(hostname, "")
	for _, test := range []struct{ url, connection, want string }{
		{"azuresb://", "", "must be azuresb:// and the name"},
		{"azuresb://u:s3cret@x", "", "must be azuresb:// and the name"},
		{"azuresb://x?listener_timeout=s3cret", "", `unknown parameter "listener_timeout"; there are`},
		{"azuresb://x", "", connectionString + " or " + hostname + " must name"},
		{"azuresb://x", "Endpoint=sb://x;SharedAccessKeyName=a;SharedAccessKye=s3cret", connectionString + " must be Endpoint=sb://"},
		{"azuresb://x", "s3cret", connectionString + " must be Endpoint=sb://"},
	} {
		t.Setenv(connectionString, test.connection)
		_, err := queue.OpenPublisher(t.Context(), test.url, nil)
		require.ErrorContains(t, err, test.want)
		require.NotContains(t, err.Error(), "s3cret")
		_, err = queue.OpenSubscription(t.Context(), test.url, nil)
		require.ErrorContains(t, err, test.want)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := queue.OpenSubscription(t.Context(), "azuresb://x?nacklazy=s3cret", nil)
	require.ErrorContains(t, err, `"nacklazy" must be true or false`)
	_, err = queue.OpenPublisher(t.Context(), "azuresb://x?subscription=y", nil)
	require.ErrorContains(t, err, "unknown parameter", "a topic does not receive")
}

func TestAddress(t *testing.T) {
	sent := func(m queue.Message) *azservicebus.Message {
		var out azservicebus.Message
		require.NoError(t, address(m, func(i any) bool {
			p, ok := i.(**azservicebus.Message)
			if ok {
				*p = &out
			}
			return ok
		}))
		return &out
	}
	first := sent(queue.Message{JobID: "job", OrganizationID: "hospital", Timestamp: time.Unix(1, 0)})
	second := sent(queue.Message{JobID: "job", OrganizationID: "hospital", Timestamp: time.Unix(2, 0)})
	require.NotEqual(t, *first.MessageID, *second.MessageID, "duplicate detection would drop the sweeper's wake-up")
	require.NotEqual(t, *sent(queue.Message{}).MessageID, *sent(queue.Message{}).MessageID)
	require.Equal(t, "hospital", *first.SessionID)
	require.Equal(t, "hospital", *first.PartitionKey, "both must be equal")
	require.Error(t, address(queue.Message{}, func(any) bool { return false }))
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want gcerrors.ErrorCode
	}{
		{context.Canceled, gcerrors.Canceled},
		{context.DeadlineExceeded, gcerrors.DeadlineExceeded},
		{errors.New("x"), gcerrors.Unknown},
		{&amqp.Error{Condition: amqp.ErrCondNotFound}, gcerrors.NotFound},
		{&amqp.Error{Condition: amqp.ErrCondInternalError}, gcerrors.Unknown},
		{&azservicebus.Error{Code: azservicebus.CodeNotFound}, gcerrors.NotFound},
		{&azservicebus.Error{Code: azservicebus.CodeUnauthorizedAccess}, gcerrors.PermissionDenied},
		{&azservicebus.Error{Code: azservicebus.CodeTimeout}, gcerrors.DeadlineExceeded},
		{&azservicebus.Error{Code: azservicebus.CodeClosed}, gcerrors.FailedPrecondition},
		{&azservicebus.Error{Code: azservicebus.CodeLockLost}, gcerrors.FailedPrecondition},
		{&azservicebus.Error{Code: azservicebus.CodeConnectionLost}, gcerrors.Unknown},
	} {
		require.Equal(t, test.want, errorCode(test.err))
		require.Equal(t, test.want, errorCode(fmt.Errorf("send: %w", test.err)))
	}
	lost := fmt.Errorf("settle: %w", &azservicebus.Error{Code: azservicebus.CodeLockLost})
	var ours *azservicebus.Error
	require.True(t, errorAs(lost, &ours))
	require.Equal(t, azservicebus.CodeLockLost, ours.Code)
	var remote *amqp.Error
	require.False(t, errorAs(lost, &remote))
	require.False(t, errorAs(lost, new(string)))
}
