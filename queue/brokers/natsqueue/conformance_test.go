package natsqueue

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/drivertest"
)

// Go CDK's conformance suite, on a stream as natsqueue creates it and on one that an
// operator created with limits, which several consumers can read.
func TestConformance(t *testing.T) {
	for name, retention := range map[string]jetstream.RetentionPolicy{
		"work queue": jetstream.WorkQueuePolicy, "limits": jetstream.LimitsPolicy,
	} {
		t.Run(name, func(t *testing.T) {
			drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
				server, js := sharedServer(t)
				return &harness{t: t, server: server, js: js, retention: retention}, nil
			}, []drivertest.AsTest{&asTest{}})
		})
	}
}

type harness struct {
	t         *testing.T
	server    string
	js        jetstream.JetStream
	retention jetstream.RetentionPolicy
}

// newAddress returns the address of a stream and a consumer that do not exist yet.
func newAddress(server string) *address {
	name := randomName()
	return &address{
		server: server, subject: "fhirdock." + name, name: name, consumer: randomName(), log: slog.New(slog.DiscardHandler),
	}
}

func (h *harness) CreateTopic(ctx context.Context, _ string) (driver.Topic, func(), error) {
	at := newAddress(h.server)
	if h.retention != jetstream.WorkQueuePolicy {
		config := jetstream.StreamConfig{Name: at.name, Subjects: []string{at.subject}, Retention: h.retention}
		if _, err := h.js.CreateStream(ctx, config); err != nil {
			return nil, nil, err
		}
	}
	t, err := newTopic(ctx, at)
	return t, func() {
		_ = t.Close() // some tests of the suite don't
		require.NoError(h.t, h.js.DeleteStream(context.WithoutCancel(ctx), at.name))
	}, err
}

// MakeNonexistentTopic returns a topic whose stream exists, so that it is not created, but
// has another subject.
func (h *harness) MakeNonexistentTopic(ctx context.Context) (driver.Topic, error) {
	t, cleanup, err := h.CreateTopic(ctx, "")
	if err != nil {
		return nil, err
	}
	h.t.Cleanup(cleanup)
	t.(*topic).at.subject += ".other"
	return t, nil
}

func (h *harness) CreateSubscription(ctx context.Context, t driver.Topic, _ string) (driver.Subscription, func(), error) {
	at := *t.(*topic).at
	at.consumer = randomName()
	s, err := newSubscription(ctx, &at)
	return s, func() { _ = s.Close() }, err // some tests of the suite don't
}

// MakeNonexistentSubscription returns a subscription whose consumer has been deleted.
func (h *harness) MakeNonexistentSubscription(ctx context.Context) (driver.Subscription, func(), error) {
	t, removeTopic, err := h.CreateTopic(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	s, cleanup, err := h.CreateSubscription(ctx, t, "")
	if err != nil {
		return nil, nil, err
	}
	info := s.(*subscription).consumer.CachedInfo()
	return s, func() { cleanup(); removeTopic() }, h.js.DeleteConsumer(ctx, info.Stream, info.Name)
}

func (*harness) Close()                    {}
func (*harness) MaxBatchSizes() (int, int) { return 0, 0 }
func (h *harness) SupportsMultipleSubscriptions() bool {
	return h.retention != jetstream.WorkQueuePolicy
}

// asTest checks the types that the package documents for As.
type asTest struct{ sequence uint64 }

func (*asTest) Name() string { return "nats.go" }

func check(ok bool, what string) error {
	if !ok {
		return errors.New(what)
	}
	return nil
}

func (*asTest) TopicCheck(t *pubsub.Topic) error {
	var conn *nats.Conn
	var js jetstream.JetStream
	var s string
	return errors.Join(
		check(t.As(&conn) && conn.IsConnected(), "no connection"),
		check(t.As(&js) && js != nil, "no JetStream"),
		check(!t.As(&s), "a string"))
}

func (*asTest) SubscriptionCheck(sub *pubsub.Subscription) error {
	var conn *nats.Conn
	var consumer jetstream.Consumer
	var s string
	return errors.Join(
		check(sub.As(&conn) && conn.IsConnected(), "no connection"),
		check(sub.As(&consumer) && consumer.CachedInfo() != nil, "no consumer"),
		check(!sub.As(&s), "a string"))
}

func (*asTest) TopicErrorCheck(t *pubsub.Topic, err error) error {
	var failed jetstream.JetStreamError
	var api *jetstream.APIError
	var s string
	return errors.Join(
		check(t.ErrorAs(err, &failed) && errors.Is(failed, jetstream.ErrNoStreamResponse), "not the client's error"),
		check(!t.ErrorAs(err, &api), "an error of the API"),
		check(!t.ErrorAs(err, &s), "a string"))
}

func (*asTest) SubscriptionErrorCheck(s *pubsub.Subscription, err error) error {
	var failed jetstream.JetStreamError
	var api *jetstream.APIError
	return errors.Join(
		check(s.ErrorAs(err, &failed) && errors.Is(failed, jetstream.ErrConsumerNotFound), "not the client's error"),
		check(s.ErrorAs(err, &api) && api.ErrorCode == jetstream.JSErrCodeConsumerNotFound, "not the server's error"))
}

func (*asTest) BeforeSend(as func(any) bool) error {
	var m *nats.Msg
	if !as(&m) || string(m.Data) != "x" {
		return errors.New("no message")
	}
	m.Header.Set("Added", "before")
	return nil
}

func (a *asTest) AfterSend(as func(any) bool) error {
	var ack *jetstream.PubAck
	if !as(&ack) || ack.Stream == "" || ack.Sequence == 0 {
		return errors.New("no acknowledgement")
	}
	a.sequence = ack.Sequence
	return nil
}

func (a *asTest) MessageCheck(m *pubsub.Message) error {
	var received jetstream.Msg
	if !m.As(&received) || received.Headers().Get("Added") != "before" {
		return errors.New("no message, or not as it was sent")
	}
	meta, err := received.Metadata()
	if err != nil {
		return err
	}
	var s string
	return errors.Join(
		check(meta.Sequence.Stream == a.sequence, "not the message that was acknowledged"),
		check(!m.As(&s), "a string"))
}
