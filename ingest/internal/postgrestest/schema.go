// Package postgrestest finds the PostgreSQL server for tests below package ingest.
package postgrestest

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/fhirdock/fhirdock/jobs"
)

// Schema creates a schema for the test, which is dropped at its end, and returns a URL that
// uses it. Without a server it skips the test, or fails it if FHIRDOCK_TEST_ALL is 1. The
// test must import the driver, pgx, so that importers of the library don't compile it.
func Schema(t testing.TB) string {
	t.Helper()
	url := os.Getenv("FHIRDOCK_TEST_POSTGRES")
	if url == "" {
		url = "postgres://postgres@127.0.0.1:5432/test"
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatalf("open PostgreSQL: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("no PostgreSQL server: %v", err)
		}
		t.Skipf("SKIPPED: no PostgreSQL server (set FHIRDOCK_TEST_POSTGRES): %v", err)
	}
	name := "fhirdock_test_" + strings.ReplaceAll(jobs.NewID(), "-", "")
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatalf("create a schema: %v", err)
	}
	t.Cleanup(func() { _, _ = db.ExecContext(context.Background(), "DROP SCHEMA "+name+" CASCADE") })
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + name
}
