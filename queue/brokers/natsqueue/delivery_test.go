package natsqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
)

// newPair returns a topic and a subscription of a stream of their own.
func newPair(t *testing.T) (*topic, *subscription, jetstream.JetStream) {
	t.Helper()
	server, js := sharedServer(t)
	at := newAddress(server)
	topic, err := newTopic(t.Context(), at)
	require.NoError(t, err)
	s, err := newSubscription(t.Context(), at)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = topic.Close(), s.Close()
		require.NoError(t, js.DeleteStream(context.WithoutCancel(t.Context()), at.name))
	})
	return topic, s, js
}

func send(t *testing.T, topic *topic, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		require.NoError(t, topic.SendBatch(t.Context(), []*driver.Message{{Body: []byte(body)}}))
	}
}

// receive returns the next message, which must have the body.
func receive(t *testing.T, s *subscription, body string) *driver.Message {
	t.Helper()
	ms, err := s.ReceiveBatch(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, ms, 1)
	require.Equal(t, body, string(ms[0].Body))
	return ms[0]
}

func pending(t *testing.T, s *subscription) int {
	t.Helper()
	info, err := s.consumer.Info(t.Context())
	require.NoError(t, err)
	return info.NumAckPending
}

func TestRedelivery(t *testing.T) {
	topic, s, js := newPair(t)
	config := s.consumer.CachedInfo().Config
	require.Equal(t, 5*time.Minute, config.AckWait)
	config.AckWait = time.Second // not five minutes
	_, err := js.CreateOrUpdateConsumer(t.Context(), topic.at.name, config)
	require.NoError(t, err)

	send(t, topic, "acked", "nacked", "lost")
	acked, nacked, lost := receive(t, s, "acked"), receive(t, s, "nacked"), receive(t, s, "lost")
	received := time.Now()
	require.NoError(t, s.SendAcks(t.Context(), []driver.AckID{acked.AckID}))
	require.NoError(t, s.SendNacks(t.Context(), []driver.AckID{nacked.AckID}))
	again := receive(t, s, "nacked")
	require.Less(t, time.Since(received), 900*time.Millisecond, "a nacked message is redelivered at once")
	require.Equal(t, nacked.LoggableID, again.LoggableID)
	require.NoError(t, s.SendAcks(t.Context(), []driver.AckID{again.AckID}))
	again = receive(t, s, "lost")
	require.Greater(t, time.Since(received), 900*time.Millisecond, "after the ack wait")
	require.Equal(t, lost.LoggableID, again.LoggableID)
	require.NoError(t, s.SendAcks(t.Context(), []driver.AckID{again.AckID}))
	require.Eventually(t, func() bool { return pending(t, s) == 0 }, 5*time.Second, 10*time.Millisecond)
}

// A subscription takes only as many messages as were asked for, so that others can take
// the rest.
func TestNothingIsPrefetched(t *testing.T) {
	topic, s, _ := newPair(t)
	send(t, topic, "1", "2", "3", "4")
	sub, err := openSubscription(t.Context(), &address{
		server: topic.at.server, subject: topic.at.subject, name: topic.at.name, consumer: s.consumer.CachedInfo().Name, log: topic.at.log,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Shutdown(context.WithoutCancel(t.Context()))) }()
	held := []*pubsub.Message{}
	for range 2 {
		m, err := sub.Receive(t.Context())
		require.NoError(t, err)
		held = append(held, m)
	}
	require.Never(t, func() bool { return pending(t, s) > 2 }, 500*time.Millisecond, 50*time.Millisecond)
	receive(t, s, "3")
	receive(t, s, "4")
	for _, m := range held {
		m.Ack()
	}
}

func TestReceiveReturnsWhenCancelled(t *testing.T) {
	topic, s, _ := newPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	began := time.Now()
	_, err := s.ReceiveBatch(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(began), time.Second)
	_, err = s.ReceiveBatch(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, topic.SendBatch(ctx, []*driver.Message{{}}), context.Canceled)

	// The abandoned request does not swallow a message.
	send(t, topic, "after")
	receive(t, s, "after")
}

// An empty stream is not an error.
func TestReceiveReturnsWithoutMessages(t *testing.T) {
	_, s, _ := newPair(t)
	began := time.Now()
	ms, err := s.ReceiveBatch(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, ms)
	require.LessOrEqual(t, time.Since(began), requestTime+time.Second)
}

// Metadata of other publishers are not escaped.
func TestMetadataOfOthers(t *testing.T) {
	topic, s, js := newPair(t)
	_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: topic.at.subject, Header: nats.Header{"Plain": {"100%"}, "Encoded": {"a%20b"}}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Plain": "100%", "Encoded": "a b"}, receive(t, s, "").Metadata)
}

func TestErrorCodes(t *testing.T) {
	topic, _, js := newPair(t)
	err := topic.SendBatch(t.Context(), []*driver.Message{{Body: make([]byte, 2<<20)}})
	require.Error(t, err)
	require.Equal(t, gcerrors.InvalidArgument, topic.ErrorCode(err), err)

	stream, err := js.Stream(t.Context(), topic.at.name)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.MaxMsgs, config.Discard = 1, jetstream.DiscardNew
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	send(t, topic, "fits")
	err = topic.SendBatch(t.Context(), []*driver.Message{{Body: []byte("one too many")}})
	require.Error(t, err)
	require.Equal(t, gcerrors.ResourceExhausted, topic.ErrorCode(err), err)
	var api *jetstream.APIError
	require.True(t, topic.ErrorAs(err, &api))
	require.Equal(t, storeFailed, api.ErrorCode)

	for _, test := range []struct {
		err  error
		want gcerrors.ErrorCode
	}{
		{context.Canceled, gcerrors.Canceled},
		{nats.ErrTimeout, gcerrors.DeadlineExceeded},
		{context.DeadlineExceeded, gcerrors.DeadlineExceeded},
		{nats.ErrAuthorization, gcerrors.PermissionDenied},
		{nats.ErrPermissionViolation, gcerrors.PermissionDenied},
		{nats.ErrNoResponders, gcerrors.NotFound},
		{jetstream.ErrConsumerDeleted, gcerrors.NotFound},
		{jetstream.ErrStreamNotFound, gcerrors.NotFound},
		{jetstream.ErrJetStreamNotEnabled, gcerrors.FailedPrecondition},
		{errors.New("other"), gcerrors.Unknown},
		{nats.ErrConnectionClosed, gcerrors.Unknown},
	} {
		wrapped := fmt.Errorf("natsqueue: %w", test.err)
		require.Equal(t, test.want, topic.ErrorCode(wrapped), wrapped)
		require.False(t, topic.IsRetryable(wrapped))
	}
}

// While the server is down sending fails at once, and works again when it is back.
func TestReconnect(t *testing.T) {
	server := newServer(t)
	server.start(t)
	at := newAddress("nats://" + server.address)
	topic, err := newTopic(t.Context(), at)
	require.NoError(t, err)
	defer topic.Close()
	send(t, topic, "before")
	server.kill()
	require.Eventually(t, func() bool { return !topic.conn.IsConnected() }, 5*time.Second, 10*time.Millisecond)
	began := time.Now()
	require.Error(t, topic.SendBatch(t.Context(), []*driver.Message{{Body: []byte("while it is down")}}))
	require.Less(t, time.Since(began), time.Second)
	server.start(t)
	require.Eventually(t, func() bool {
		return topic.SendBatch(t.Context(), []*driver.Message{{Body: []byte("after")}}) == nil
	}, 15*time.Second, 50*time.Millisecond)
	s, err := newSubscription(t.Context(), at)
	require.NoError(t, err)
	defer s.Close()
	for _, body := range []string{"before", "after"} {
		m := receive(t, s, body)
		require.True(t, strings.HasPrefix(m.LoggableID, at.name+"/"), m.LoggableID)
	}
}
