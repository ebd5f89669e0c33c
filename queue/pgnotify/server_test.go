package pgnotify_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"

	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

// server is a PostgreSQL server with a channel for the test. It leaves nothing there.
type server struct {
	url, channel string
	db           *sql.DB
}

func serverURL() string {
	if url := os.Getenv("FHIRDOCK_TEST_POSTGRES"); url != "" {
		return url
	}
	return "postgres://postgres@127.0.0.1:5432/test"
}

// newServer skips the test if there is no server, or fails it if FHIRDOCK_TEST_ALL is 1.
func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{url: serverURL(), channel: "Fhirdock_test_" + rand.Text()}
	db, err := sql.Open("pgx", s.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("no PostgreSQL server: %v", err)
		}
		t.Skipf("SKIPPED: no PostgreSQL server (set FHIRDOCK_TEST_POSTGRES): %v", err)
	}
	s.db = db
	return s
}

// config returns a configuration with the channel as the application name.
func (s *server) config(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(s.url)
	require.NoError(t, err)
	config.RuntimeParams["application_name"] = s.channel
	return config
}

func (s *server) topic(t testing.TB) *pubsub.Topic {
	t.Helper()
	topic, err := pgnotify.OpenTopic(s.db, s.channel, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, topic.Shutdown(context.Background())) })
	return topic
}

func (s *server) subscription(t testing.TB, opts *pgnotify.SubscriptionOptions) *pubsub.Subscription {
	t.Helper()
	sub, err := pgnotify.OpenSubscription(t.Context(), s.config(t), s.channel, opts)
	require.NoError(t, err)
	return sub
}

// driver opens the driver of a subscription, which is closed at the end of the test.
func (s *server) driver(t testing.TB, opts *pgnotify.SubscriptionOptions) driver.Subscription {
	t.Helper()
	d, err := pgnotify.SubscriptionForTest(t.Context(), s.config(t), s.channel, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// listeners returns the server's processes of the test's subscriptions.
func (s *server) listeners(t testing.TB) []int32 {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), "select pid from pg_stat_activity where application_name = $1", s.channel)
	require.NoError(t, err)
	defer rows.Close()
	var pids []int32
	for rows.Next() {
		var pid int32
		require.NoError(t, rows.Scan(&pid))
		pids = append(pids, pid)
	}
	require.NoError(t, rows.Err())
	return pids
}

func (s *server) kill(t testing.TB) {
	t.Helper()
	pids := s.listeners(t)
	require.Len(t, pids, 1)
	_, err := s.db.ExecContext(t.Context(), "select pg_terminate_backend($1)", pids[0])
	require.NoError(t, err)
}

func shutdown(t testing.TB, sub *pubsub.Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, sub.Shutdown(ctx))
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 20*time.Second, time.Millisecond, what)
}

// nothingLeft checks that no goroutines and server processes of subscriptions are left.
func (s *server) nothingLeft(t testing.TB) {
	t.Helper()
	eventually(t, "goroutines end", func() bool { return !strings.Contains(stacks(), "pgnotify.(*subscription)") })
	eventually(t, "connections end", func() bool { return len(s.listeners(t)) == 0 })
}
