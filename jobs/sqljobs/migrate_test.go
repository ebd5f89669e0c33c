package sqljobs_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// databases calls do with a new database of each dialect.
func databases(t *testing.T, do func(t *testing.T, dialect sqljobs.Dialect, open func() *sql.DB)) {
	opener := func(t *testing.T, driver, dsn string) func() *sql.DB {
		return func() *sql.DB {
			db, err := sql.Open(driver, dsn)
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			return db
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		do(t, sqljobs.SQLite, opener(t, "sqlite", sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.db"))))
	})
	t.Run("postgres", func(t *testing.T) {
		do(t, sqljobs.PostgreSQL, opener(t, "pgx", schema(t, postgres(t))))
	})
}

// Several processes may start concurrently on a database without a schema.
func TestMigrationsRace(t *testing.T) {
	databases(t, func(t *testing.T, _ sqljobs.Dialect, open func() *sql.DB) {
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for range 6 {
			db := open()
			wg.Go(func() {
				<-begin
				if _, err := sqljobs.Open(t.Context(), db, nil); err != nil {
					t.Error(err)
				}
			})
		}
		close(begin)
		wg.Wait()
		var times int
		require.NoError(t, open().QueryRow("SELECT count(*) FROM fhirdock_migrations WHERE version_id = 1").Scan(&times))
		require.Equal(t, 1, times)
	})
}

// Migrate waits for the lock of another process, but no longer than its context allows.
func TestMigrationsWaitForTheLock(t *testing.T) {
	dsn := schema(t, postgres(t))
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	other, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, sqljobs.LockForTest(t.Context(), other))

	hasty, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, sqljobs.Migrate(hasty, db), context.DeadlineExceeded)
	require.NotContains(t, tables(t, db, sqljobs.PostgreSQL), "fhirdock_jobs")

	done := make(chan error)
	go func() { done <- sqljobs.Migrate(t.Context(), db) }()
	require.Eventually(t, func() bool {
		var waiting int
		err := db.QueryRow(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE '%fhirdock_migrations%')`).Scan(&waiting)
		return err == nil && waiting > 0
	}, 5*time.Second, time.Millisecond)
	require.NoError(t, sqljobs.UnlockForTest(t.Context(), other))
	require.NoError(t, <-done)
}

// With SkipMigrations the store alters no schema; an operator migrates separately.
func TestSkipMigrations(t *testing.T) {
	databases(t, func(t *testing.T, dialect sqljobs.Dialect, open func() *sql.DB) {
		db := open()
		service := &sqljobs.Options{SkipMigrations: true}
		_, err := sqljobs.Open(t.Context(), db, service)
		require.ErrorIs(t, err, sqljobs.ErrSchema)
		require.Empty(t, tables(t, db, dialect))
		require.NoError(t, sqljobs.Migrate(t.Context(), db))
		_, err = sqljobs.Open(t.Context(), db, service)
		require.NoError(t, err)
		require.Contains(t, tables(t, db, dialect), "fhirdock_jobs")
	})
}

// tables returns the names of the existing tables.
func tables(t *testing.T, db *sql.DB, dialect sqljobs.Dialect) (names []string) {
	t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if dialect == sqljobs.PostgreSQL {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	}
	rows, err := db.Query(query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}
