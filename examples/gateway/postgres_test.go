//go:build unix

package main

import (
	"database/sql"
	"testing"

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
