package ingest_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// eachStore runs a test on each kind of job store, PostgreSQL where there is a
// server.
func eachStore(t *testing.T, do func(t *testing.T, store jobs.Store), name string) {
	open := func(t *testing.T, driver, dsn string) jobs.Store {
		db, err := sql.Open(driver, dsn)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		store, err := sqljobs.Open(t.Context(), db, nil)
		require.NoError(t, err)
		return store
	}
	t.Run(name+"/mem", func(t *testing.T) { do(t, jobs.NewMemStore()) })
	t.Run(name+"/sqlite", func(t *testing.T) {
		do(t, open(t, "sqlite", sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.db"))))
	})
	t.Run(name+"/postgres", func(t *testing.T) { do(t, open(t, "pgx", schema(t))) })
}

// schema is the URL of a PostgreSQL server, with a schema of the test's own.
func schema(t *testing.T) string {
	t.Helper()
	url := os.Getenv("FHIRDOCK_TEST_POSTGRES")
	if url == "" {
		url = "postgres://postgres@127.0.0.1:5432/test"
	}
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("no PostgreSQL server: %v", err)
		}
		t.Skipf("SKIPPED: no PostgreSQL server (set FHIRDOCK_TEST_POSTGRES): %v", err)
	}
	name := "fhirdock_test_" + strings.ReplaceAll(jobs.NewID(), "-", "")
	_, err = db.ExecContext(t.Context(), "CREATE SCHEMA "+name)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = db.ExecContext(context.Background(), "DROP SCHEMA "+name+" CASCADE") })
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + name
}
