package faulttest_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest/internal/postgrestest"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// backend puts back ends other than the in-memory ones into a world. They are opened in the
// world's bubble, to share its time.
type backend struct {
	name string
	slow bool

	prepare func(t *testing.T, b *backend)
	open    func(t *testing.T, w *world) (closed func())
}

func backends() []backend {
	nothing := func(*testing.T, *backend) {}
	bs := []backend{
		{name: "mem", prepare: nothing, open: func(*testing.T, *world) func() { return func() {} }},
		{name: "dirblob", slow: true, prepare: nothing, open: func(t *testing.T, w *world) func() {
			dir, err := os.MkdirTemp("", "faulttest")
			require.NoError(t, err)
			w.bucket, err = dirblob.OpenBucket(dir, nil)
			require.NoError(t, err)
			return func() {
				require.NoError(t, w.bucket.Close())
				require.NoError(t, os.RemoveAll(dir))
			}
		}},
		{name: "SQLite", slow: true, prepare: nothing, open: func(t *testing.T, w *world) func() {
			dir, err := os.MkdirTemp("", "faulttest")
			require.NoError(t, err)
			closeDB := openSQL(t, w, "sqlite", sqljobs.SQLiteDSN(filepath.Join(dir, "jobs.db")))
			return func() {
				closeDB()
				require.NoError(t, os.RemoveAll(dir))
			}
		}},
	}
	postgres := backend{name: "PostgreSQL", slow: true}
	postgres.prepare = func(t *testing.T, b *backend) {
		dsn := postgrestest.Schema(t)
		b.open = func(t *testing.T, w *world) func() { return openSQL(t, w, "pgx", dsn) }
	}
	return append(bs, postgres)
}

func openSQL(t *testing.T, w *world, driver, dsn string) (closed func()) {
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	store, err := sqljobs.Open(context.Background(), db, nil)
	require.NoError(t, err)
	w.store.inner = store
	return func() {
		_, err := db.ExecContext(context.Background(), "DELETE FROM fhirdock_jobs")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
}
