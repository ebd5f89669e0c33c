// Package postgrestest finds the PostgreSQL server of the tests of ingest and of
// what is below it.
package postgrestest

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/fhirdock/fhirdock/jobs"
)

// Schema is the URL of a PostgreSQL server with a schema of the test's own, which is
// dropped at its end. The test is skipped if there is no server, and fails instead
// where FHIRDOCK_TEST_ALL is 1. The test imports the driver, pgx, since an importer of
// the library is to compile none.
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
