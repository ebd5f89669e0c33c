//go:build servicebus

package azurequeue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"
	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/drivertest"
)

// harness runs Go CDK's suite in the namespace that SERVICEBUS_CONNECTION_STRING names.
// The package does not create entities: the namespace must have the empty topics t0 to t29,
// each with the subscriptions s0 to s3, and no topic named absent. Package brokerservers
// of the examples starts such a server and runs this.
type harness struct{ t *testing.T }

// topics counts the topics in use: each test takes its own.
var topics atomic.Int64

// numbered is a topic with its name and the number of its subscriptions in use.
type numbered struct {
	*topic
	name          string
	subscriptions int
}

func (*harness) CreateTopic(ctx context.Context, _ string) (driver.Topic, func(), error) {
	client, err := newClient()
	if err != nil {
		return nil, nil, err
	}
	name := fmt.Sprintf("t%d", topics.Add(1)-1)
	topic, err := newTopic(ctx, client, name)
	if err != nil {
		return nil, nil, errors.Join(err, closeClient(client))
	}
	return &numbered{topic: topic, name: name}, func() { _ = topic.Close() }, nil // some tests of the suite don't
}

func (*harness) CreateSubscription(ctx context.Context, t driver.Topic, _ string) (driver.Subscription, func(), error) {
	client, err := newClient()
	if err != nil {
		return nil, nil, err
	}
	of := t.(*numbered)
	s, err := newSubscription(ctx, client, of.name, fmt.Sprintf("s%d", of.subscriptions), false)
	of.subscriptions++
	if err != nil {
		return nil, nil, errors.Join(err, closeClient(client))
	}
	return s, func() { _ = s.Close() }, nil // some tests of the suite don't
}

// MakeNonexistentTopic skips the check of newTopic, as if the entity had been deleted since.
func (h *harness) MakeNonexistentTopic(ctx context.Context) (driver.Topic, error) {
	client, err := newClient()
	if err != nil {
		return nil, err
	}
	h.t.Cleanup(func() { _ = closeClient(client) })
	if _, err := newTopic(ctx, client, "absent"); err == nil {
		return nil, errors.New("the topic exists")
	}
	sender, err := client.NewSender("absent", nil)
	return &topic{client: client, sender: sender}, err
}

// MakeNonexistentSubscription skips the check of newSubscription.
func (h *harness) MakeNonexistentSubscription(ctx context.Context) (driver.Subscription, func(), error) {
	client, err := newClient()
	if err != nil {
		return nil, nil, err
	}
	if _, err := newSubscription(ctx, client, "t0", "absent", false); err == nil {
		return nil, nil, errors.New("the subscription exists")
	}
	receiver, err := client.NewReceiverForSubscription("t0", "absent", nil)
	return &subscription{client: client, receiver: receiver}, func() { _ = closeClient(client) }, err
}

func (*harness) Close()                              {}
func (*harness) MaxBatchSizes() (int, int)           { return 0, 0 } // messages are sent one by one
func (*harness) SupportsMultipleSubscriptions() bool { return true }

// Go CDK's conformance suite.
func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		return &harness{t: t}, nil
	}, []drivertest.AsTest{&asTest{}})
}

// What the suite does not check: an acknowledged message is removed, a nacked one is
// redelivered at once, or with lazy when its lock expires, and closing takes effect.
func TestConformanceOfSettling(t *testing.T) {
	h := &harness{t: t}
	topic, closeTopic, err := h.CreateTopic(t.Context(), "")
	require.NoError(t, err)
	defer closeTopic()
	opened, closeSubscription, err := h.CreateSubscription(t.Context(), topic, "")
	require.NoError(t, err)
	defer closeSubscription()
	s := opened.(*subscription)
	received := func(n int, within time.Duration) map[string]driver.AckID {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		ids := map[string]driver.AckID{}
		for len(ids) < n {
			ms, err := s.ReceiveBatch(ctx, 1)
			if errors.Is(err, context.DeadlineExceeded) {
				break
			}
			require.NoError(t, err)
			for _, m := range ms {
				ids[string(m.Body)] = m.AckID
			}
		}
		return ids
	}
	require.NoError(t, topic.SendBatch(t.Context(), []*driver.Message{{Body: []byte("acked")}, {Body: []byte("nacked")}}))
	ids := received(2, 20*time.Second)
	require.Len(t, ids, 2, "each of a batch is sent")
	require.NoError(t, s.SendAcks(t.Context(), []driver.AckID{ids["acked"]}))
	require.NoError(t, s.SendNacks(t.Context(), []driver.AckID{ids["acked"], ids["nacked"]}))
	ids = received(2, time.Second)
	require.Len(t, ids, 1)
	require.Contains(t, ids, "nacked")
	s.lazy = true
	require.NoError(t, s.SendNacks(t.Context(), []driver.AckID{ids["nacked"]}))
	require.Empty(t, received(1, time.Second))

	require.NoError(t, topic.Close())
	require.Error(t, topic.SendBatch(t.Context(), []*driver.Message{{}}))
	require.NoError(t, s.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = s.ReceiveBatch(ctx, 1)
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "it fails at once")
}

type asTest struct{ sent bool }

func (*asTest) Name() string { return "azservicebus" }

func (*asTest) TopicCheck(t *pubsub.Topic) error {
	var sender *azservicebus.Sender
	if !t.As(&sender) || sender == nil {
		return errors.New("no sender")
	}
	return isNothing(t.As)
}

func (*asTest) SubscriptionCheck(s *pubsub.Subscription) error {
	var receiver *azservicebus.Receiver
	if !s.As(&receiver) || receiver == nil {
		return errors.New("no receiver")
	}
	return isNothing(s.As)
}

func (*asTest) TopicErrorCheck(t *pubsub.Topic, err error) error { return isAbsent(t.ErrorAs, err) }

func (*asTest) SubscriptionErrorCheck(s *pubsub.Subscription, err error) error {
	return isAbsent(s.ErrorAs, err)
}

func isAbsent(as func(error, any) bool, err error) error {
	var e *amqp.Error
	var s string
	if !as(err, &e) || e.Condition != amqp.ErrCondNotFound || as(err, &s) {
		return fmt.Errorf("not the original error: %w", err)
	}
	return nil
}

// What BeforeSend sets and MessageCheck expects.
const subject, id = "a subject", "an id"

func (*asTest) BeforeSend(as func(any) bool) error {
	var m *azservicebus.Message
	if !as(&m) || string(m.Body) != "x" {
		return errors.New("no message")
	}
	theSubject, theID := subject, id
	m.Subject, m.MessageID = &theSubject, &theID
	return isNothing(as)
}

func (a *asTest) MessageCheck(m *pubsub.Message) error {
	var received *azservicebus.ReceivedMessage
	if !m.As(&received) || received.Subject == nil || *received.Subject != subject {
		return errors.New("not the message whose subject was set")
	}
	if m.LoggableID != id {
		return errors.New("not logged by its id")
	}
	if !a.sent {
		return errors.New("AfterSend was not called")
	}
	return isNothing(m.As)
}

// AfterSend exposes nothing: the client returns no details.
func (a *asTest) AfterSend(as func(any) bool) error {
	a.sent = true
	return isNothing(as)
}

func isNothing(as func(any) bool) error {
	var s string
	if as(&s) {
		return errors.New("As returned a string")
	}
	return nil
}
