package ingest_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/internal/postgrestest"
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
	t.Run(name+"/postgres", func(t *testing.T) { do(t, open(t, "pgx", postgrestest.Schema(t))) })
}
