package pgnotify_test

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/queue/pgnotify"
)

// After a failover the topic closes the connections to the standby. A pg_notify that
// fails like on a standby simulates it.
func TestTopicLeavesStandby(t *testing.T) {
	s := newServer(t)
	schema := strings.ToLower(s.channel)
	t.Cleanup(func() { _, _ = s.db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE") })
	_, err := s.db.ExecContext(t.Context(), "CREATE SCHEMA "+schema+"; CREATE FUNCTION "+schema+`.pg_notify(text, text) RETURNS void
		LANGUAGE plpgsql AS $$ BEGIN RAISE 'cannot execute NOTIFY during recovery' USING ERRCODE = '25006'; END $$`)
	require.NoError(t, err)

	var standby atomic.Bool
	standby.Store(true)
	db := stdlib.OpenDB(*s.config(t), stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		if standby.Load() {
			c.RuntimeParams = map[string]string{"search_path": schema + ",pg_catalog"} // pgx shares the map
		}
		return nil
	}))
	t.Cleanup(func() { _ = db.Close() })
	const idle = 4
	db.SetMaxIdleConns(idle)
	var conns []*sql.Conn
	for range idle {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
	topic, err := pgnotify.OpenTopic(db, s.channel, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, topic.Shutdown(context.Background())) }()
	err = topic.Send(t.Context(), &pubsub.Message{Body: []byte("x")})
	require.Equal(t, gcerrors.FailedPrecondition, gcerrors.Code(err))

	// The server is the primary again, but the pool has connections from before.
	standby.Store(false)
	require.NoError(t, topic.Send(t.Context(), &pubsub.Message{Body: []byte("x")}))
}
