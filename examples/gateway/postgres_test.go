//go:build unix

package main

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// Jobs in PostgreSQL, by URL.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	lent := proctest.Lend(t, servers.Postgres)
	_, c := gateway(t, t.TempDir(), "-jobs", lent.Jobs)
	receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
	require.NoError(t, err)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)

	db, err := sql.Open("pgx", lent.Jobs)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM fhirdock_jobs").Scan(&n))
	require.Equal(t, 1, n)
}

// An operator migrates the schema, and services without that privilege run on it.
func TestMigrationsApart(t *testing.T) {
	t.Parallel()
	for name, jobs := range map[string]func(t *testing.T) string{
		"PostgreSQL": func(t *testing.T) string { return proctest.Lend(t, servers.Postgres).Jobs },
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "jobs.db") },
	} {
		t.Run(name, func(t *testing.T) {
			url := jobs(t)
			early := proctest.Start(t, binary, "-addr", "127.0.0.1:0", "-data", t.TempDir(), "-jobs", url, "-migrations", "skip")
			require.Equal(t, 1, early.Exit(t, 30*time.Second))
			require.Contains(t, early.Stderr.String(), "run the migrations first")
			for range 2 { // the second time is a no-op
				operator := proctest.Start(t, binary, "-jobs", url, "-migrations", "only")
				require.Equal(t, 0, operator.Exit(t, 30*time.Second), operator.Stderr.String())
			}
			_, c := gateway(t, t.TempDir(), "-jobs", url, "-migrations", "skip")
			receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
			require.NoError(t, err)
			require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
		})
	}
}
