package pgnotify_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

// receive returns the next message, with a timeout.
func receive(t testing.TB, sub *pubsub.Subscription) *pubsub.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := sub.Receive(ctx)
	require.NoError(t, err)
	m.Ack()
	return m
}

func TestContent(t *testing.T) {
	s := newServer(t)
	topic, sub := s.topic(t), s.subscription(t, nil)
	defer shutdown(t, sub)
	for name, want := range map[string]*pubsub.Message{
		"a wake-up":   {Body: []byte(`{"jobId":"a-1"}`), Metadata: map[string]string{"jobId": "a-1", "source": "webhook"}},
		"nothing":     {},
		"unicode":     {Body: []byte("Zoë, 世界, 👩‍⚕️, \u2028, \ufffd <&>"), Metadata: map[string]string{"Größe 世": "👩‍⚕️ \x00\n\"\\"}},
		"binary":      {Body: []byte{0xff, 0xfe, 0, 1, 0x80}},
		"one NUL":     {Body: []byte{0}},
		"envelope":    {Body: []byte(`{"id":"x","text":"y","metadata":{"a":"b"}}`)},
		"long":        {Body: []byte(strings.Repeat("x", 7000))},
		"long, 8 bit": {Body: []byte(strings.Repeat("\xf0", 5000))},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: want.Body, Metadata: want.Metadata}))
			got := receive(t, sub)
			require.Equal(t, string(want.Body), string(got.Body))
			require.Equal(t, want.Metadata, got.Metadata)
			require.NotEmpty(t, got.LoggableID)
		})
	}
}

// The longest message fits exactly. Messages in a batch with one that is too long are still
// sent.
func TestTooLong(t *testing.T) {
	s := newServer(t)
	d, err := pgnotify.TopicForTest(s.db, s.channel)
	require.NoError(t, err)
	sub := s.subscription(t, nil)
	defer shutdown(t, sub)
	const most = 7999 - len(`{"id":"xxxxxxxxxxxx","text":""}`)
	message := func(length int) *driver.Message { return &driver.Message{Body: []byte(strings.Repeat("x", length))} }

	require.NoError(t, d.SendBatch(t.Context(), []*driver.Message{message(most)}))
	var n *pgconn.Notification
	m := receive(t, sub)
	require.True(t, m.As(&n))
	require.Len(t, m.Body, most)
	require.Len(t, n.Payload, 7999)

	err = d.SendBatch(t.Context(), []*driver.Message{message(1), message(most + 1), message(2)})
	require.Equal(t, gcerrors.InvalidArgument, d.ErrorCode(err))
	require.ErrorContains(t, err, "8000 bytes, more than PostgreSQL's 7999")
	require.NotContains(t, err.Error(), "xx")
	require.Len(t, receive(t, sub).Body, 1)
	require.Len(t, receive(t, sub).Body, 2)

	err = s.topic(t).Send(t.Context(), &pubsub.Message{Body: message(8000).Body})
	require.Equal(t, gcerrors.InvalidArgument, gcerrors.Code(err))
}

// Payloads of triggers or psql are received as bodies.
func TestForeignPayloads(t *testing.T) {
	s := newServer(t)
	sub := s.subscription(t, nil)
	defer shutdown(t, sub)
	for _, payload := range []string{
		`{"jobId":"a"}`, "a", "", "{}", "null", `{"text":"a"}`, `{"id":"a","more":1}`, `{"id":"a"} {}`, `{"id":1}`,
	} {
		_, err := s.db.ExecContext(t.Context(), "select pg_notify($1, $2)", s.channel, payload)
		require.NoError(t, err)
		m := receive(t, sub)
		require.Equal(t, payload, string(m.Body))
		require.Empty(t, m.Metadata)
		require.Contains(t, m.LoggableID, "of process ")
	}
}

// The timeout includes the wait for a connection.
func TestTopicTimeout(t *testing.T) {
	s := newServer(t)
	s.db.SetMaxOpenConns(1)
	c, err := s.db.Conn(t.Context())
	require.NoError(t, err)
	defer c.Close()
	topic, err := pgnotify.OpenTopic(s.db, s.channel, &pgnotify.TopicOptions{Timeout: time.Millisecond})
	require.NoError(t, err)
	began := time.Now()
	err = topic.Send(t.Context(), &pubsub.Message{Body: []byte("a")})
	require.Less(t, time.Since(began), 2*time.Second)
	require.Equal(t, gcerrors.DeadlineExceeded, gcerrors.Code(err))
	require.NoError(t, topic.Shutdown(t.Context()))
}

func TestChannels(t *testing.T) {
	s := newServer(t)
	for _, bad := range []string{"", "a b", `a"; select 1; --`, "a-b", "a.b", "é", "a\n", strings.Repeat("a", 64)} {
		_, err := pgnotify.OpenTopic(s.db, bad, nil)
		require.ErrorContains(t, err, "1 to 63 characters", bad)
		_, err = pgnotify.OpenSubscription(t.Context(), s.config(t), bad, nil)
		require.ErrorContains(t, err, "1 to 63 characters", bad)
	}
	_, err := pgnotify.OpenTopic(nil, "a", nil)
	require.ErrorContains(t, err, "needs a database")
	other, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer other.Close()
	_, err = pgnotify.OpenTopic(other, "a", nil)
	require.ErrorContains(t, err, "pgx/v5/stdlib")
	_, err = pgnotify.OpenSubscription(t.Context(), nil, "a", nil)
	require.ErrorContains(t, err, "needs a configuration")
	_, err = pgnotify.OpenTopic(s.db, "a", &pgnotify.TopicOptions{Timeout: -1})
	require.ErrorContains(t, err, "Timeout")
	for _, o := range []pgnotify.SubscriptionOptions{{Capacity: -1}, {PingAfter: -1}, {PingTimeout: -1}} {
		_, err = pgnotify.OpenSubscription(t.Context(), s.config(t), "a", &o)
		require.ErrorContains(t, err, "must not be negative")
	}

	// The longest name, a keyword and a number. Other tests use upper and lower case.
	for _, good := range []string{s.channel + strings.Repeat("x", 63-len(s.channel)), "select", "7"} {
		s.channel = good
		sub := s.subscription(t, nil)
		require.NoError(t, s.topic(t).Send(t.Context(), &pubsub.Message{Body: []byte("a")}))
		require.Equal(t, "a", string(receive(t, sub).Body))
		shutdown(t, sub)
	}
}

func TestErrorCodes(t *testing.T) {
	d := pgnotify.BrokenForTest(nil)
	for err, want := range map[error]gcerrors.ErrorCode{
		nil: gcerrors.OK, context.Canceled: gcerrors.Canceled, context.DeadlineExceeded: gcerrors.DeadlineExceeded,
		&pgconn.ConnectError{}: gcerrors.Unknown, &pgconn.PgError{Code: "42501"}: gcerrors.PermissionDenied,
	} {
		require.Equal(t, want, d.ErrorCode(err))
	}
	for state, want := range map[string]gcerrors.ErrorCode{
		"3D000": gcerrors.NotFound, "28P01": gcerrors.PermissionDenied, "53300": gcerrors.ResourceExhausted,
		"54000": gcerrors.ResourceExhausted, "22023": gcerrors.InvalidArgument, "57014": gcerrors.Canceled,
		"25006": gcerrors.FailedPrecondition, "55000": gcerrors.FailedPrecondition, "XX000": gcerrors.Internal,
		"57P01": gcerrors.Unknown, "": gcerrors.Unknown,
	} {
		require.Equal(t, want, pgnotify.SQLStateForTest(state), state)
	}
}
