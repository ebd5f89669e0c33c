package sqljobs_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// openPool opens a database whose pool keeps all connections.
func openPool(t *testing.T, config *pgx.ConnConfig) *sql.DB {
	t.Helper()
	db := stdlib.OpenDB(*config)
	db.SetMaxIdleConns(12)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Sessions that began while the server was read-only stay read-only, so the store closes
// them. Once the server is writable, the next call succeeds.
func TestReadOnlySessionsAreClosed(t *testing.T) {
	config := database(t)
	db := openPool(t, config)
	store, err := sqljobs.Open(t.Context(), db, nil)
	require.NoError(t, err)
	require.NoError(t, cycle(t.Context(), store))

	other, err := pgx.ParseConfig(postgres(t))
	require.NoError(t, err)
	server := connect(t, other)
	execute := func(statement string, args ...any) {
		_, err := server.Exec(t.Context(), statement, args...)
		require.NoError(t, err)
	}
	execute("ALTER DATABASE " + config.Database + " SET default_transaction_read_only = on")
	execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", config.Database)
	require.Eventually(t, func() bool {
		err := cycle(t.Context(), store)
		require.Error(t, err)
		return sqljobs.SQLStateForTest(err) == "25006"
	}, 20*time.Second, time.Millisecond, "the connections that were cut are gone")
	require.ErrorContains(t, store.Ready(t.Context()), "read-only")
	// Reads still work, and fill the pool with such sessions.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				_, _ = store.List(t.Context(), jobs.Query{OrganizationID: "demo"})
			}
		})
	}
	wg.Wait()
	require.Greater(t, db.Stats().Idle, 1)

	execute("ALTER DATABASE " + config.Database + " RESET default_transaction_read_only")
	require.NoError(t, cycle(t.Context(), store))
	require.LessOrEqual(t, db.Stats().Idle, 1)
	require.NoError(t, store.Ready(t.Context()))
	require.NoError(t, db.Close())
	require.Error(t, store.Ready(t.Context()))
}

// A server that hangs blocks a call no longer than the timeout, even without a deadline.
func TestNoAnswer(t *testing.T) {
	config := database(t)
	store, err := sqljobs.Open(t.Context(), openPool(t, config), &sqljobs.Options{Timeout: 300 * time.Millisecond})
	require.NoError(t, err)
	tx, err := connect(t, config).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE fhirdock_jobs")
	require.NoError(t, err)
	err = cycle(t.Context(), store)
	require.ErrorContains(t, err, "no answer within 300ms")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = store.List(t.Context(), jobs.Query{OrganizationID: "demo"})
	require.ErrorContains(t, err, "no answer within 300ms")
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, cycle(t.Context(), store))

	_, err = sqljobs.Open(t.Context(), openPool(t, config), &sqljobs.Options{Timeout: -1})
	require.ErrorContains(t, err, "Timeout must not be negative")
}
