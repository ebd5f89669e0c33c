//go:build unix

package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Jobs in PostgreSQL, by URL.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	server := os.Getenv("FHIRDOCK_TEST_POSTGRES")
	if server == "" {
		server = "postgres://postgres@127.0.0.1:5432/test"
	}
	db, err := sql.Open("pgx", server)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("no PostgreSQL server: %v", err)
		}
		t.Skipf("SKIPPED: no PostgreSQL server (set FHIRDOCK_TEST_POSTGRES): %v", err)
	}
	schema := fmt.Sprintf("fhirdock_gateway_test_%d", os.Getpid())
	_, err = db.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE") })

	_, c := gateway(t, t.TempDir(), "-jobs", server+"?search_path="+schema)
	receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
	require.NoError(t, err)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+schema+".fhirdock_jobs").Scan(&n))
	require.Equal(t, 1, n)
}
