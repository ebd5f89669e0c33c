package sqljobs_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// reopenable is a store that can reopen its database.
type reopenable struct {
	*sqljobs.Store
	db   *sql.DB
	open func(t jobstest.T) jobs.Store
}

func (r *reopenable) Reopen(t jobstest.T) jobs.Store {
	if err := r.db.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return r.open(t)
}

func (r *reopenable) Spoil(t jobstest.T, id string) {
	if _, err := r.db.ExecContext(t.Context(), `UPDATE fhirdock_jobs SET record = '{"UserID":"secret' WHERE id = '`+id+"'"); err != nil {
		t.Fatalf("spoil: %v", err)
	}
}

func opener(driver, dsn string) func(t jobstest.T) jobs.Store {
	var open func(t jobstest.T) jobs.Store
	open = func(t jobstest.T) jobs.Store {
		t.Helper()
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		t.Cleanup(func() { _ = db.Close() })
		s, err := sqljobs.Open(t.Context(), db, nil)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		return &reopenable{s, db, open}
	}
	return open
}

func TestSQLite(t *testing.T) {
	jobstest.Run(t, func(t jobstest.T) jobs.Store {
		dir, err := os.MkdirTemp("", "sqljobs")
		if err != nil {
			t.Fatalf("%v", err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return opener("sqlite", sqljobs.SQLiteDSN(filepath.Join(dir, "jobs #1?%.db")))(t)
	})
}

// postgres returns the URL of a PostgreSQL server. If there is none, it skips the test, or
// fails it if FHIRDOCK_TEST_ALL is set.
func postgres(t testing.TB) string {
	t.Helper()
	url := os.Getenv("FHIRDOCK_TEST_POSTGRES")
	if url == "" {
		url = "postgres://postgres@127.0.0.1:5432/test"
	}
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("no PostgreSQL server: %v", err)
		}
		t.Skipf("SKIPPED: no PostgreSQL server (set FHIRDOCK_TEST_POSTGRES): %v", err)
	}
	return url
}

var schemas struct {
	sync.Mutex
	n int
}

// schema creates a schema for the test and returns a URL that uses it.
func schema(t jobstest.T, url string) string {
	schemas.Lock()
	schemas.n++
	name := fmt.Sprintf("fhirdock_test_%d_%d", os.Getpid(), schemas.n)
	schemas.Unlock()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		_, _ = db.ExecContext(context.Background(), "DROP SCHEMA "+name+" CASCADE")
		_ = db.Close()
	})
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + name
}

func TestPostgreSQL(t *testing.T) {
	url := postgres(t)
	jobstest.Run(t, func(t jobstest.T) jobs.Store { return opener("pgx", schema(t, url))(t) })
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	open := func(dsn string, opts *sqljobs.Options) error {
		db, err := sql.Open("sqlite", dsn)
		require.NoError(t, err)
		defer db.Close()
		_, err = sqljobs.Open(t.Context(), db, opts)
		return err
	}
	t.Run("settings that lose acknowledged changes", func(t *testing.T) {
		require.ErrorContains(t, open("file:"+filepath.Join(dir, "a.db"), nil), "SQLiteDSN")
		require.ErrorContains(t, open("file:"+filepath.Join(dir, "b.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)", nil), "synchronous=1")
	})
	t.Run("settings of one connection only", func(t *testing.T) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "one.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
		require.NoError(t, err)
		defer db.Close()
		_, err = db.Exec("PRAGMA synchronous = FULL")
		require.NoError(t, err)
		_, err = sqljobs.Open(t.Context(), db, nil)
		require.ErrorContains(t, err, "synchronous=1")
	})
	t.Run("no error for a pool of one connection", func(t *testing.T) {
		db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(dir, "pool.db")))
		require.NoError(t, err)
		defer db.Close()
		db.SetMaxOpenConns(1)
		_, err = sqljobs.Open(t.Context(), db, nil)
		require.NoError(t, err)
	})
	t.Run("a missing folder", func(t *testing.T) {
		require.Error(t, open(sqljobs.SQLiteDSN(filepath.Join(dir, "none", "a.db")), nil))
	})
	t.Run("a database that can't be written to", func(t *testing.T) {
		dsn := sqljobs.SQLiteDSN(filepath.Join(dir, "ro.db"))
		require.NoError(t, open(dsn, nil))
		require.ErrorContains(t, open(dsn+"&mode=ro", nil), "can't be written to")
	})
	t.Run("no database", func(t *testing.T) {
		_, err := sqljobs.Open(t.Context(), nil, nil)
		require.ErrorContains(t, err, "needs a database")
		require.ErrorContains(t, sqljobs.Migrate(t.Context(), nil), "needs a database")
	})
	t.Run("missing migrations", func(t *testing.T) {
		require.ErrorIs(t, open(sqljobs.SQLiteDSN(filepath.Join(dir, "d.db")), &sqljobs.Options{SkipMigrations: true}), sqljobs.ErrSchema)
	})
	t.Run("a newer schema", func(t *testing.T) {
		dsn := sqljobs.SQLiteDSN(filepath.Join(dir, "e.db"))
		require.NoError(t, open(dsn, nil))
		db, err := sql.Open("sqlite", dsn)
		require.NoError(t, err)
		defer db.Close()
		_, err = db.Exec("INSERT INTO fhirdock_migrations (version_id, is_applied) VALUES (9999, true)")
		require.NoError(t, err)
		require.ErrorIs(t, open(dsn, nil), sqljobs.ErrSchema)
		require.ErrorIs(t, open(dsn, &sqljobs.Options{SkipMigrations: true}), sqljobs.ErrSchema)
	})
}

// An unreadable record does not hide other due jobs.
func TestDueWithUnreadableRecord(t *testing.T) {
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.db")))
	require.NoError(t, err)
	defer db.Close()
	s, err := sqljobs.Open(t.Context(), db, nil)
	require.NoError(t, err)
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 3 {
		require.NoError(t, s.Create(t.Context(), &jobs.Job{
			ID: jobs.DerivedID(fmt.Sprint(i)), OrganizationID: "a", State: jobs.Accepted, CreatedAt: at, DueAt: at,
		}))
	}
	_, err = db.Exec(`UPDATE fhirdock_jobs SET record = '{"UserID":"secret' WHERE id = ?`, jobs.DerivedID("1"))
	require.NoError(t, err)
	due, err := s.Due(t.Context(), at, 10)
	require.ErrorContains(t, err, "1 of 3")
	require.NotContains(t, err.Error(), "secret")
	require.Len(t, due, 2)
}

// Frequent queries must use an index, without sorting or skipping rows.
func TestQueryPlans(t *testing.T) {
	check := func(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, explain, pair string) {
		queries := sqljobs.QueriesForTest(dialect)
		for _, c := range []struct {
			query, index, pair string
			args               []any
		}{
			{"list", "fhirdock_jobs_list ", pair, []any{"a", 7, "x", 9}},
			{"list state", "fhirdock_jobs_list_state ", pair, []any{"a", 7, "x", 9, "failed"}},
		} {
			plan := explained(t, db, explain+queries[c.query], c.args...)
			require.Contains(t, plan, c.index)
			require.Contains(t, plan, c.pair)
			require.NotRegexp(t, "TEMP B-TREE|Sort|Filter", plan)
		}
		due := explained(t, db, explain+queries["due"], 7, 9)
		require.Contains(t, due, "fhirdock_jobs_leases ")
		require.Contains(t, due, "fhirdock_jobs_due ")
		require.NotRegexp(t, "TEMP B-TREE|Sort|Seq Scan|SCAN fhirdock_jobs", due)
		orgs := explained(t, db, explain+queries["organizations"], "a", 9)
		require.Contains(t, orgs, "fhirdock_jobs_list")
		require.NotRegexp(t, "TEMP B-TREE|Sort|Seq Scan", orgs)
	}
	t.Run("sqlite", func(t *testing.T) {
		dsn := sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.db"))
		opener("sqlite", dsn)(t)
		db, err := sql.Open("sqlite", dsn)
		require.NoError(t, err)
		defer db.Close()
		check(t, db, sqljobs.SQLite, "EXPLAIN QUERY PLAN ", "(created_at,id)<(?,?)")
		queries := sqljobs.QueriesForTest(sqljobs.SQLite)
		for query, args := range map[string][]any{"get": {"a"}, "update": {"a", "failed", 7, nil, 1, "{}"}, "delete": {"a", 1}} {
			plan := explained(t, db, "EXPLAIN QUERY PLAN "+queries[query], args...)
			require.Contains(t, plan, "SEARCH fhirdock_jobs USING INDEX sqlite_autoindex_fhirdock_jobs_1 (id=?)", query)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := schema(t, postgres(t))
		opener("pgx", dsn)(t)
		db, err := sql.Open("pgx", dsn)
		require.NoError(t, err)
		defer db.Close()
		db.SetMaxOpenConns(1) // the settings are the connection's

		// The default plan for a new table and groups of any size, which may be kept for
		// long.
		_, err = db.Exec("SET plan_cache_mode = force_generic_plan")
		require.NoError(t, err)
		queries := sqljobs.QueriesForTest(sqljobs.PostgreSQL)
		for query, args := range map[string]string{
			"get": "'{}'", "update": "'{}', '{}', '{}', '{}', '{}', ''", "create": "'{}', '{}', '{}', '{}', '{}', '{}', ''",
		} {
			_, err = db.Exec("PREPARE " + query + "_q AS " + queries[query])
			require.NoError(t, err)
			plan := explained(t, db, "EXPLAIN EXECUTE "+query+"_q("+args+")")
			require.NotContains(t, plan, "Seq Scan", query)
			require.NotContains(t, plan, "Join", query) // nested loops are called differently
			if query != "create" {
				require.Contains(t, plan, "Index Scan using fhirdock_jobs_pkey", query)
			}
		}
		_, err = db.Exec("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
		require.NoError(t, err)
		_, err = db.Exec("PREPARE delete_q AS " + queries["delete"])
		require.NoError(t, err)
		deletes := explained(t, db, "EXPLAIN EXECUTE delete_q('{}', '{}')")
		require.Contains(t, deletes, "Tid Scan")
		require.Contains(t, deletes, "Index Scan using fhirdock_jobs_pkey")
		check(t, db, sqljobs.PostgreSQL, "EXPLAIN ", "ROW(created_at, id) <")
	})
}

// BenchmarkCycle creates, claims and completes jobs.
func BenchmarkCycle(b *testing.B) {
	stores := map[string]jobs.Store{"mem": jobs.NewMemStore()}
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(b.TempDir(), "jobs.db")))
	require.NoError(b, err)
	defer db.Close()
	stores["sqlite"], err = sqljobs.Open(b.Context(), db, nil)
	require.NoError(b, err)
	for _, name := range []string{"mem", "sqlite"} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := cycle(b.Context(), stores[name]); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}
