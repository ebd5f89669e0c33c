package rabbitqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/drivertest"
	"gocloud.dev/pubsub/rabbitpubsub"
)

// harness runs Go CDK's suite.
type harness struct {
	t    *testing.T
	conn *amqp.Connection
}

func (h *harness) topic(name string) *reopened {
	return &reopened{open: func() (*pubsub.Topic, *amqp.Connection, error) {
		conn, err := amqp.Dial(server(h.t).String())
		if err != nil {
			return nil, nil, err
		}
		return rabbitpubsub.OpenTopic(conn, name, nil), conn, nil
	}}
}

func randomName() string { return "fhirdock_" + strings.ToLower(rand.Text()) }

func (h *harness) CreateTopic(context.Context, string) (driver.Topic, func(), error) {
	name := randomName()
	if err := declareExchange(h.conn, name); err != nil {
		return nil, nil, err
	}
	topic := h.topic(name)
	return &named{topic, name}, func() {
		_ = topic.Close() // some tests of the suite don't
		require.NoError(h.t, onChannel(h.conn, func(ch *amqp.Channel) error { return ch.ExchangeDelete(name, false, false) }))
	}, nil
}

// named is a topic with the name of its exchange, for CreateSubscription.
type named struct {
	*reopened
	exchange string
}

func (h *harness) MakeNonexistentTopic(context.Context) (driver.Topic, error) {
	topic := h.topic(randomName())
	h.t.Cleanup(func() { _ = topic.Close() })
	return topic, nil
}

func (h *harness) CreateSubscription(_ context.Context, t driver.Topic, _ string) (driver.Subscription, func(), error) {
	name := randomName()
	if err := declareQueue(h.conn, t.(*named).exchange, name); err != nil {
		return nil, nil, err
	}
	s, err := h.consume(name)
	return s, func() {
		require.NoError(h.t, onChannel(h.conn, func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(name, false, false, false)
			return err
		}))
	}, err
}

func (h *harness) MakeNonexistentSubscription(context.Context) (driver.Subscription, func(), error) {
	_, err := h.consume(randomName())
	return nonexistent{&subscription{}, err}, func() {}, nil
}

func (h *harness) Close()                            { require.NoError(h.t, h.conn.Close()) }
func (*harness) MaxBatchSizes() (int, int)           { return 0, 0 }
func (*harness) SupportsMultipleSubscriptions() bool { return true }

// consume opens a subscription with a connection of its own.
func (h *harness) consume(name string) (driver.Subscription, error) {
	conn, err := amqp.Dial(server(h.t).String())
	if err != nil {
		return nil, err
	}
	s, err := consume(conn, name, 1000)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &once{subscription: s, settled: map[driver.AckID]bool{}}, nil
}

// once settles each message only once, as package pubsub does; the suite does so twice.
type once struct {
	*subscription
	settled map[driver.AckID]bool
}

func (o *once) fresh(ids []driver.AckID) []driver.AckID {
	var fresh []driver.AckID
	for _, id := range ids {
		if !o.settled[id] {
			o.settled[id] = true
			fresh = append(fresh, id)
		}
	}
	return fresh
}

// ReceiveBatch removes the header that a quorum queue adds.
func (o *once) ReceiveBatch(ctx context.Context, most int) ([]*driver.Message, error) {
	ms, err := o.subscription.ReceiveBatch(ctx, most)
	for _, m := range ms {
		delete(m.Metadata, "x-delivery-count")
	}
	return ms, err
}

func (o *once) SendAcks(ctx context.Context, ids []driver.AckID) error {
	return o.subscription.SendAcks(ctx, o.fresh(ids))
}

func (o *once) SendNacks(ctx context.Context, ids []driver.AckID) error {
	return o.subscription.SendNacks(ctx, o.fresh(ids))
}

// nonexistent is a subscription to a missing queue. The suite wants Receive to fail; ours
// fails when it is opened.
type nonexistent struct {
	*subscription
	err error
}

func (n nonexistent) ReceiveBatch(context.Context, int) ([]*driver.Message, error) {
	return nil, n.err
}
func (nonexistent) Close() error { return nil }

// Go CDK's conformance suite.
func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		conn, err := amqp.Dial(server(t).String())
		return &harness{t: t, conn: conn}, err
	}, nil)
}

// Messages survive a restart of the server in a classic queue too.
func TestPersistent(t *testing.T) {
	conn, err := amqp.Dial(server(t).String())
	require.NoError(t, err)
	h := &harness{t: t, conn: conn}
	defer h.Close()
	topic, remove, err := h.CreateTopic(t.Context(), "")
	require.NoError(t, err)
	defer remove()
	s, remove, err := h.CreateSubscription(t.Context(), topic, "")
	require.NoError(t, err)
	defer remove()
	require.NoError(t, topic.SendBatch(t.Context(), []*driver.Message{{Body: []byte("x")}}))
	ms, err := s.ReceiveBatch(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, ms, 1)
	var d amqp.Delivery
	require.True(t, ms[0].AsFunc(&d))
	require.Equal(t, amqp.Persistent, d.DeliveryMode)
	require.NoError(t, s.Close())
}
