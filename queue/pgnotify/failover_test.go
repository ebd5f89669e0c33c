package pgnotify_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

// After a failover the topic closes the pool's connections to the standby. A pg_notify that
// fails like on a standby simulates it.
func TestTopicLeavesStandby(t *testing.T) {
	s := newServer(t)
	schema := strings.ToLower(s.channel)
	t.Cleanup(func() { _, _ = s.pool.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE") })
	_, err := s.pool.Exec(t.Context(), "CREATE SCHEMA "+schema+"; CREATE FUNCTION "+schema+`.pg_notify(text, text) RETURNS void
		LANGUAGE plpgsql AS $$ BEGIN RAISE 'cannot execute NOTIFY during recovery' USING ERRCODE = '25006'; END $$`)
	require.NoError(t, err)

	config, err := pgxpool.ParseConfig(s.url)
	require.NoError(t, err)
	config.MaxConns = 4
	var standby atomic.Bool
	standby.Store(true)
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if standby.Load() {
			c.RuntimeParams["search_path"] = schema + ",pg_catalog"
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var conns []*pgxpool.Conn
	for range config.MaxConns {
		conn, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		conn.Release()
	}
	topic, err := pgnotify.OpenTopic(pool, s.channel, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, topic.Shutdown(context.Background())) }()
	err = topic.Send(t.Context(), &pubsub.Message{Body: []byte("x")})
	require.Equal(t, gcerrors.FailedPrecondition, gcerrors.Code(err))

	standby.Store(false)
	require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("x")}))
}
