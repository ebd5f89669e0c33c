package relay_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/mempubsub"

	"github.com/fhirdock/fhirdock/queue/brokers/internal/relay"
)

func TestOwning(t *testing.T) {
	inner := mempubsub.NewTopic()
	closed := 0
	gone := errors.New("gone")
	topic := relay.Owning(inner, func() error {
		closed++
		require.Error(t, inner.Send(t.Context(), &pubsub.Message{}), "the base is closed after the topic")
		return gone
	})
	sub := mempubsub.NewSubscription(inner, time.Minute)
	defer func() { require.NoError(t, sub.Shutdown(context.Background())) }()

	var before, after int
	require.NoError(t, topic.Send(t.Context(), &pubsub.Message{
		Body: []byte("x"), Metadata: map[string]string{"a": "b"},
		BeforeSend: func(func(any) bool) error { before++; return nil },
		AfterSend:  func(func(any) bool) error { after++; return nil },
	}))
	require.Equal(t, []int{1, 1}, []int{before, after})
	m, err := sub.Receive(t.Context())
	require.NoError(t, err)
	m.Ack()
	require.Equal(t, "x", string(m.Body))
	require.Equal(t, map[string]string{"a": "b"}, m.Metadata)

	refused := errors.New("refused")
	err = topic.Send(t.Context(), &pubsub.Message{BeforeSend: func(func(any) bool) error { return refused }})
	require.ErrorIs(t, err, refused)
	require.ErrorIs(t, topic.Shutdown(t.Context()), gone)
	require.Equal(t, 1, closed)
	require.Equal(t, gcerrors.FailedPrecondition, gcerrors.Code(topic.Send(t.Context(), &pubsub.Message{})))
}
