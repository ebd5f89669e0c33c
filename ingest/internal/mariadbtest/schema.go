// Package mariadbtest finds the MariaDB or MySQL server for tests below package ingest.
package mariadbtest

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/fhirdock/fhirdock/jobs"
)

// Database creates a database for the test, which is dropped at its end, and returns its
// data source name for github.com/go-sql-driver/mysql. FHIRDOCK_TEST_MARIADB names the
// server, for example USER:PASSWORD@tcp(HOST:PORT)/. Without a server it skips the test, or
// fails it if FHIRDOCK_TEST_ALL is 1. The test must import the driver, so that importers of
// the library don't compile it.
func Database(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("FHIRDOCK_TEST_MARIADB")
	if dsn == "" {
		dsn = "root@tcp(127.0.0.1:3306)/"
	}
	server := dsn[:strings.LastIndex(dsn, "/")+1]
	db, err := sql.Open("mysql", server)
	if err != nil {
		t.Fatalf("open MariaDB: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.PingContext(t.Context()); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("no MariaDB server: %v", err)
		}
		t.Skipf("SKIPPED: no MariaDB server (set FHIRDOCK_TEST_MARIADB): %v", err)
	}
	name := "fhirdock_test_" + strings.ReplaceAll(jobs.NewID(), "-", "")
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() { _, _ = db.ExecContext(context.Background(), "DROP DATABASE "+name) })
	return server + name
}
