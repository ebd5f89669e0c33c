package azurequeue

import (
	"context"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub/driver"
)

// subscription implements driver.Subscription.
type subscription struct {
	client   *azservicebus.Client
	receiver *azservicebus.Receiver
	lazy     bool
}

// newSubscription opens a queue, or a topic's subscription if it has a name.
func newSubscription(ctx context.Context, client *azservicebus.Client, name, subscriptionName string, lazy bool) (*subscription, error) {
	var receiver *azservicebus.Receiver
	var err error
	if subscriptionName == "" {
		receiver, err = client.NewReceiverForQueue(name, nil)
	} else {
		receiver, err = client.NewReceiverForSubscription(name, subscriptionName, nil)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if _, err := receiver.PeekMessages(ctx, 1, nil); err != nil { // receives none
		return nil, err
	}
	return &subscription{client: client, receiver: receiver, lazy: lazy}, nil
}

// ReceiveBatch implements driver.Subscription. It waits for a message until ctx ends.
func (s *subscription) ReceiveBatch(ctx context.Context, most int) ([]*driver.Message, error) {
	received, err := s.receiver.ReceiveMessages(ctx, most, nil)
	if err != nil {
		return nil, err
	}
	ms := make([]*driver.Message, 0, len(received))
	for _, m := range received {
		metadata := map[string]string{}
		for name, value := range m.ApplicationProperties {
			if text, ok := value.(string); ok {
				metadata[name] = text
			}
		}
		ms = append(ms, &driver.Message{
			LoggableID: m.MessageID, Body: m.Body, Metadata: metadata, AckID: m,
			AsFunc: func(i any) bool {
				p, ok := i.(**azservicebus.ReceivedMessage)
				if ok {
					*p = m
				}
				return ok
			},
		})
	}
	return ms, nil
}

// SendAcks implements driver.Subscription.
func (s *subscription) SendAcks(ctx context.Context, ids []driver.AckID) error {
	return s.settle(ids, func(m *azservicebus.ReceivedMessage) error { return s.receiver.CompleteMessage(ctx, m, nil) })
}

// CanNack implements driver.Subscription.
func (*subscription) CanNack() bool { return true }

// SendNacks implements driver.Subscription.
func (s *subscription) SendNacks(ctx context.Context, ids []driver.AckID) error {
	if s.lazy {
		return nil
	}
	return s.settle(ids, func(m *azservicebus.ReceivedMessage) error { return s.receiver.AbandonMessage(ctx, m, nil) })
}

// settle ignores messages whose lock has expired: they are redelivered. Go CDK's driver
// retries them forever, and hangs after a hundred.
func (*subscription) settle(ids []driver.AckID, one func(*azservicebus.ReceivedMessage) error) error {
	var errs []error
	for _, id := range ids {
		err := one(id.(*azservicebus.ReceivedMessage))
		if e, ok := errors.AsType[*azservicebus.Error](err); ok && e.Code == azservicebus.CodeLockLost {
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// As implements driver.Subscription.
func (s *subscription) As(i any) bool {
	p, ok := i.(**azservicebus.Receiver)
	if ok {
		*p = s.receiver
	}
	return ok
}

// Close implements driver.Subscription.
func (s *subscription) Close() error { return closeClient(s.client) }

// IsRetryable implements driver.Subscription. The client retries by itself.
func (*subscription) IsRetryable(error) bool                 { return false }
func (*subscription) ErrorAs(err error, i any) bool          { return errorAs(err, i) }
func (*subscription) ErrorCode(err error) gcerrors.ErrorCode { return errorCode(err) }
