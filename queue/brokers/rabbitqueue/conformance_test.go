package rabbitqueue

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	"gocloud.dev/pubsub/drivertest"
	"gocloud.dev/pubsub/rabbitpubsub"
)

// harness is for Go CDK's suite, of our topic alone.
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
		_ = topic.Close() // where the suite does not
		require.NoError(h.t, onChannel(h.conn, func(ch *amqp.Channel) error { return ch.ExchangeDelete(name, false, false) }))
	}, nil
}

// named is a topic whose exchange the subscription is told.
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
	s, err := newReceived(h.conn, name)
	return s, func() {
		require.NoError(h.t, onChannel(h.conn, func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(name, false, false, false)
			return err
		}))
	}, err
}

func (h *harness) MakeNonexistentSubscription(context.Context) (driver.Subscription, func(), error) {
	s, err := newReceived(h.conn, randomName())
	return s, func() {}, err
}

func (h *harness) Close()                            { require.NoError(h.t, h.conn.Close()) }
func (*harness) MaxBatchSizes() (int, int)           { return 0, 0 }
func (*harness) SupportsMultipleSubscriptions() bool { return true }

// received is the least that a subscription can be: what our topic sent is to be seen
// by another driver than Go CDK's, which is not ours to test.
type received struct {
	ch      *amqp.Channel
	queue   string
	settled map[driver.AckID]bool
}

func newReceived(conn *amqp.Connection, queue string) (*received, error) {
	ch, err := conn.Channel()
	return &received{ch: ch, queue: queue, settled: map[driver.AckID]bool{}}, err
}

func (r *received) ReceiveBatch(ctx context.Context, _ int) ([]*driver.Message, error) {
	d, ok, err := r.ch.Get(r.queue, false)
	if err != nil {
		return nil, err
	}
	if !ok {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
			return nil, nil
		}
	}
	m := &driver.Message{LoggableID: strconv.FormatUint(d.DeliveryTag, 10), Body: d.Body, AckID: d.DeliveryTag, AsFunc: func(i any) bool {
		p, ok := i.(*amqp.Delivery)
		if ok {
			*p = d
		}
		return ok
	}}
	for name, value := range d.Headers {
		if text, ok := value.(string); ok {
			if m.Metadata == nil {
				m.Metadata = map[string]string{}
			}
			m.Metadata[name] = text
		}
	}
	return []*driver.Message{m}, nil
}

func (r *received) settle(ids []driver.AckID, one func(tag uint64) error) error {
	for _, id := range ids {
		if r.settled[id] {
			continue
		}
		r.settled[id] = true
		if err := one(id.(uint64)); err != nil {
			return err
		}
	}
	return nil
}

func (r *received) SendAcks(_ context.Context, ids []driver.AckID) error {
	return r.settle(ids, func(tag uint64) error { return r.ch.Ack(tag, false) })
}

func (r *received) SendNacks(_ context.Context, ids []driver.AckID) error {
	return r.settle(ids, func(tag uint64) error { return r.ch.Nack(tag, false, true) })
}

func (*received) CanNack() bool                      { return true }
func (*received) IsRetryable(error) bool             { return false }
func (*received) As(any) bool                        { return false }
func (*received) ErrorAs(err error, target any) bool { return errors.As(err, target) }
func (r *received) Close() error                     { return r.ch.Close() }
func (*received) ErrorCode(err error) gcerrors.ErrorCode {
	if absent(err) {
		return gcerrors.NotFound
	}
	return gcerrors.Unknown
}

// Go CDK's own suite, of our topic.
func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		conn, err := amqp.Dial(server(t).String())
		return &harness{t: t, conn: conn}, err
	}, nil)
}

// What is sent outlives the server's restart in a classic queue too.
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
	d, ok, err := s.(*received).ch.Get(s.(*received).queue, true)
	require.NoError(t, err)
	require.True(t, ok, "it is there once it is confirmed")
	require.Equal(t, amqp.Persistent, d.DeliveryMode)
}
