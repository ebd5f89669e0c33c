package azurequeue

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/outage"
)

// maxKey is the longest message id, session id or partition key, in characters.
// https://learn.microsoft.com/en-us/azure/service-bus-messaging/service-bus-quotas
const maxKey = 128

// address sets a message id that is unique to the wake-up, because duplicate detection
// would drop a job's second one. The organization is the session id, for consumers that
// receive by session; an entity without sessions ignores it. Service Bus requires that
// session id and partition key are equal.
// https://learn.microsoft.com/en-us/azure/service-bus-messaging/service-bus-messages-payloads
func address(m queue.Message, as func(any) bool) error {
	var out *azservicebus.Message
	if !as(&out) {
		return errors.New("azurequeue: not a Service Bus topic")
	}
	moment := strconv.FormatInt(m.Timestamp.UnixNano(), 10)
	if m.Timestamp.IsZero() {
		moment = rand.Text()
	}
	id, key := brokerurl.Key(m.JobID+"."+moment, maxKey), brokerurl.Key(m.OrganizationID, maxKey)
	out.MessageID, out.SessionID, out.PartitionKey = &id, &key, &key
	return nil
}

// topic implements driver.Topic.
type topic struct {
	client *azservicebus.Client
	sender *azservicebus.Sender
}

func newTopic(ctx context.Context, client *azservicebus.Client, name string) (*topic, error) {
	sender, err := client.NewSender(name, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, outage.StartTimeout)
	defer cancel()
	// The batch size depends on the entity, so this checks that it exists.
	if _, err := sender.NewMessageBatch(ctx, nil); err != nil && !unreachable(err) {
		return nil, err
	}
	return &topic{client: client, sender: sender}, nil
}

// SendBatch implements driver.Topic.
func (t *topic) SendBatch(ctx context.Context, ms []*driver.Message) error {
	for _, m := range ms {
		out := &azservicebus.Message{Body: m.Body}
		if len(m.Metadata) > 0 {
			out.ApplicationProperties = map[string]any{}
			for name, value := range m.Metadata {
				out.ApplicationProperties[name] = value
			}
		}
		if m.BeforeSend != nil {
			err := m.BeforeSend(func(i any) bool {
				p, ok := i.(**azservicebus.Message)
				if ok {
					*p = out
				}
				return ok
			})
			if err != nil {
				return err
			}
		}
		if err := t.sender.SendMessage(ctx, out, nil); err != nil {
			return err
		}
		if m.AfterSend != nil {
			if err := m.AfterSend(func(any) bool { return false }); err != nil {
				return err
			}
		}
	}
	return nil
}

// As implements driver.Topic.
func (t *topic) As(i any) bool {
	p, ok := i.(**azservicebus.Sender)
	if ok {
		*p = t.sender
	}
	return ok
}

// Close implements driver.Topic.
func (t *topic) Close() error { return closeClient(t.client) }

// IsRetryable implements driver.Topic. The client retries by itself.
func (*topic) IsRetryable(error) bool                 { return false }
func (*topic) ErrorAs(err error, i any) bool          { return errorAs(err, i) }
func (*topic) ErrorCode(err error) gcerrors.ErrorCode { return errorCode(err) }

// errorAs supports both types: the SDK returns a refused link as an AMQP error.
func errorAs(err error, i any) bool {
	switch p := i.(type) {
	case **azservicebus.Error:
		return errors.As(err, p)
	case **amqp.Error:
		return errors.As(err, p)
	}
	return false
}

func errorCode(err error) gcerrors.ErrorCode {
	e, ok := errors.AsType[*azservicebus.Error](err)
	remote, fromPeer := errors.AsType[*amqp.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return gcerrors.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return gcerrors.DeadlineExceeded
	case fromPeer && remote.Condition == amqp.ErrCondNotFound:
		return gcerrors.NotFound
	case !ok:
		return gcerrors.Unknown
	}
	switch e.Code {
	case azservicebus.CodeNotFound:
		return gcerrors.NotFound
	case azservicebus.CodeUnauthorizedAccess:
		return gcerrors.PermissionDenied
	case azservicebus.CodeTimeout:
		return gcerrors.DeadlineExceeded
	case azservicebus.CodeClosed, azservicebus.CodeLockLost:
		return gcerrors.FailedPrecondition
	}
	return gcerrors.Unknown
}
