package sqlonce_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/internal/mariadbtest"
	"github.com/fhirdock/fhirdock/ingest/internal/postgrestest"
	"github.com/fhirdock/fhirdock/ingest/sqlonce"
	"github.com/fhirdock/fhirdock/jobs"
)

// TestMain also runs the process that is killed in the middle of a batch.
func TestMain(m *testing.M) {
	if at := os.Getenv("FHIRDOCK_SQLONCE_DIES"); at != "" {
		err := dieHandling(at, os.Getenv("FHIRDOCK_SQLONCE_DRIVER"), os.Getenv("FHIRDOCK_SQLONCE_DSN"))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	// The driver would log cut connections.
	if err := mysql.SetLogger(&mysql.NopLogger{}); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// database is a test database and how to open it again.
type database struct {
	*sql.DB
	driver, dsn string
	keys        *sqlonce.Keys
}

func open(t testing.TB, driver, dsn string) *database {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	keys, err := sqlonce.Open(t.Context(), db, nil)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS effects (resource TEXT)")
	require.NoError(t, err)
	return &database{db, driver, dsn, keys}
}

func sqliteDSN(t testing.TB) string {
	return "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "effects.db")) + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate"
}

// each runs a test on all databases.
func each(t *testing.T, test func(t *testing.T, db *database)) {
	t.Run("SQLite", func(t *testing.T) { test(t, open(t, "sqlite", sqliteDSN(t))) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, open(t, "pgx", postgrestest.Schema(t))) })
	t.Run("MariaDB", func(t *testing.T) { test(t, open(t, "mysql", mariadbtest.Database(t))) })
}

func (db *database) begin(t *testing.T, opts *sql.TxOptions) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// handle makes the effect of a batch, and reports whether it was the first to do so.
func (db *database) handle(ctx context.Context, key string, before func(*sql.Tx) error) (first bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	first, err = db.keys.Claim(ctx, tx, key)
	if err != nil || !first {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO effects VALUES ('x')"); err != nil {
		return false, err
	}
	if before != nil {
		if err := before(tx); err != nil {
			return false, err
		}
	}
	return true, tx.Commit()
}

func (db *database) effects(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM effects").Scan(&n))
	return n
}

func TestClaimOnce(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		first, err := db.handle(t.Context(), "job.0/0-10", func(*sql.Tx) error { return errors.New("the handler failed") })
		require.Error(t, err)
		require.False(t, first)
		require.Zero(t, db.effects(t), "neither effect nor key")
		for i, want := range []bool{true, false, false} {
			first, err := db.handle(t.Context(), "job.0/0-10", nil)
			require.NoError(t, err)
			require.Equal(t, want, first, i)
		}
		first, err = db.handle(t.Context(), "job.1/0-10", nil)
		require.NoError(t, err)
		require.True(t, first, "another run has its own keys")
		require.Equal(t, 2, db.effects(t))

		for _, key := range []string{"", strings.Repeat("k", 256)} {
			_, err := db.handle(t.Context(), key, nil)
			require.ErrorIs(t, err, sqlonce.ErrKey)
		}
		first, err = db.handle(t.Context(), strings.Repeat("k", 255), nil)
		require.NoError(t, err)
		require.True(t, first)
	})
}

var claim = map[string]string{"sqlite": sqlonce.ClaimSQLite, "pgx": sqlonce.ClaimPostgreSQL, "mysql": sqlonce.ClaimMySQL}

func TestPrune(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		old := time.Now().AddDate(0, 0, -100)
		tx := db.begin(t, nil)
		for i := range 2500 {
			key := fmt.Sprintf("old.0/%d", i)
			_, err := tx.ExecContext(t.Context(), claim[db.driver], key, old.UnixMicro())
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit())
		_, err := db.handle(t.Context(), "new.0/0", nil)
		require.NoError(t, err)

		n, err := db.keys.Prune(t.Context(), old)
		require.NoError(t, err)
		require.Zero(t, n, "all keys are younger")
		n, err = db.keys.Prune(t.Context(), time.Now().AddDate(0, 0, -90))
		require.NoError(t, err)
		require.EqualValues(t, 2500, n)
		first, err := db.handle(t.Context(), "new.0/0", nil)
		require.NoError(t, err)
		require.False(t, first, "a younger key is kept")
	})
}

func TestOpen(t *testing.T) {
	race := func(t *testing.T, driver, dsn string) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				db, err := sql.Open(driver, dsn)
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				if _, err := sqlonce.Open(t.Context(), db, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	t.Run("concurrently, SQLite", func(t *testing.T) {
		dsn := sqliteDSN(t)
		open(t, "sqlite", strings.Replace(dsn, "effects.db", "other.db", 1)) // the driver is ready
		race(t, "sqlite", dsn)
	})
	t.Run("concurrently, PostgreSQL", func(t *testing.T) { race(t, "pgx", postgrestest.Schema(t)) })
	t.Run("concurrently, MariaDB", func(t *testing.T) { race(t, "mysql", mariadbtest.Database(t)) })
	t.Run("without the schema", func(t *testing.T) {
		db, err := sql.Open("sqlite", sqliteDSN(t))
		require.NoError(t, err)
		defer db.Close()
		_, err = sqlonce.Open(t.Context(), db, &sqlonce.Options{SkipSchema: true})
		require.ErrorContains(t, err, "missing or outdated")
		_, err = db.ExecContext(t.Context(), sqlonce.SchemaSQLite)
		require.NoError(t, err)
		_, err = sqlonce.Open(t.Context(), db, &sqlonce.Options{SkipSchema: true})
		require.NoError(t, err)
		_, err = sqlonce.Open(t.Context(), nil, nil)
		require.ErrorContains(t, err, "need a database")
		require.ErrorContains(t, sqlonce.Migrate(t.Context(), nil), "need a database")
	})
	t.Run("the schema of PostgreSQL", func(t *testing.T) {
		db, err := sql.Open("pgx", postgrestest.Schema(t))
		require.NoError(t, err)
		defer db.Close()
		for range 2 {
			_, err = db.ExecContext(t.Context(), sqlonce.SchemaPostgreSQL)
			require.NoError(t, err)
		}
		_, err = sqlonce.Open(t.Context(), db, &sqlonce.Options{SkipSchema: true})
		require.NoError(t, err)
	})
}

// waits returns once a PostgreSQL backend waits for a lock.
func waits(t *testing.T, db *database, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var waiting bool
		err := db.QueryRowContext(t.Context(), "SELECT coalesce(wait_event_type = 'Lock', false) FROM pg_stat_activity WHERE pid = $1", pid).Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, time.Millisecond)
}

// If two workers have the same batch, the second waits for the first to commit or roll
// back.
func TestSecondWaitsForFirst(t *testing.T) {
	db := open(t, "pgx", postgrestest.Schema(t))
	for name, c := range map[string]struct {
		isolation sql.IsolationLevel
		commits   bool
		first     bool
		fails     bool
	}{
		"which commits":                     {sql.LevelDefault, true, false, false},
		"which rolls back":                  {sql.LevelDefault, false, true, false},
		"which commits, serializable":       {sql.LevelSerializable, true, false, true},
		"which rolls back, serializable":    {sql.LevelSerializable, false, true, false},
		"which commits, repeatable read":    {sql.LevelRepeatableRead, true, false, true},
		"which rolls back, repeatable read": {sql.LevelRepeatableRead, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := db.begin(t, &sql.TxOptions{Isolation: c.isolation}), db.begin(t, &sql.TxOptions{Isolation: c.isolation})
			first, err := db.keys.Claim(t.Context(), a, name)
			require.NoError(t, err)
			require.True(t, first)
			var pid int
			require.NoError(t, b.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
			type claimed struct {
				first bool
				err   error
			}
			second := make(chan claimed, 1)
			go func() {
				first, err := db.keys.Claim(context.Background(), b, name)
				second <- claimed{first, err}
			}()
			waits(t, db, pid)
			if c.commits {
				require.NoError(t, a.Commit())
			} else {
				require.NoError(t, a.Rollback())
			}
			got := <-second
			require.Equal(t, c.fails, got.err != nil, got.err)
			require.Equal(t, c.first, got.first)
			if c.fails { // a retry finds the key
				again := db.begin(t, &sql.TxOptions{Isolation: c.isolation})
				first, err := db.keys.Claim(t.Context(), again, name)
				require.NoError(t, err)
				require.False(t, first)
			}
		})
	}
}

// One of many concurrent handlers makes the effect.
func TestConcurrentClaims(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for {
					_, err := db.handle(context.Background(), fmt.Sprintf("job.0/%d", i%4), nil)
					if err == nil {
						return
					}
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 4, db.effects(t))
	})
}

// dieHandling handles a batch and is killed at a given point.
func dieHandling(at, driver, dsn string) error {
	raw, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	keys, err := sqlonce.Open(context.Background(), raw, nil)
	if err != nil {
		return err
	}
	die := func() error {
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := self.Kill(); err != nil {
			return err
		}
		select {}
	}
	db := &database{raw, driver, dsn, keys}
	if os.Getenv("FHIRDOCK_SQLONCE_EACH") != "" {
		return dieInEach(at, db)
	}
	_, err = db.handle(context.Background(), "job.0/0-10", func(*sql.Tx) error {
		if at == "before the commit" {
			return die()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return die()
}

// A handler is killed before or after its commit, and the batch is handed over again.
func TestHandlerKilled(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		for _, at := range []string{"before the commit", "after the commit"} {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), "FHIRDOCK_SQLONCE_DIES="+at, "FHIRDOCK_SQLONCE_DRIVER="+db.driver, "FHIRDOCK_SQLONCE_DSN="+db.dsn)
			var stderr bytes.Buffer
			child.Stderr = &stderr
			require.Error(t, child.Run())
			require.NotEqual(t, 3, child.ProcessState.ExitCode(), stderr.String())
			if at == "before the commit" {
				require.Zero(t, db.effects(t))
			} else {
				require.Equal(t, 1, db.effects(t))
			}
		}
		first, err := db.handle(t.Context(), "job.0/0-10", nil)
		require.NoError(t, err)
		require.False(t, first, "the handler killed after its commit made the effects")
		require.Equal(t, 1, db.effects(t))
	})
}

// A worker that stalled past its lease commits while another worker has the batch.
func TestStalledWorker(t *testing.T) {
	db := open(t, "pgx", postgrestest.Schema(t))
	stalled, goOn := make(chan struct{}), make(chan struct{})
	pids := make(chan int, 2)
	var once sync.Once
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
			tx, err := db.BeginTx(context.WithoutCancel(ctx), nil) // ignores the end of ctx
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			var pid int
			if err := tx.QueryRow("SELECT pg_backend_pid()").Scan(&pid); err != nil {
				return err
			}
			pids <- pid
			first, err := db.keys.Claim(context.WithoutCancel(ctx), tx, b.Key)
			if err != nil || !first {
				return err
			}
			for _, r := range b.Resources {
				if _, err := tx.Exec("INSERT INTO effects VALUES ($1)", r.ID); err != nil {
					return err
				}
			}
			once.Do(func() {
				close(stalled)
				<-goOn
			})
			return tx.Commit()
		}),
	})
	id := p.Client.Upload(t, "application/fhir+ndjson", []byte(strings.Repeat(`{"resourceType":"Patient","id":"p"}`+"\n", 3)))
	<-stalled
	<-pids
	p.Advance(t, time.Minute) // the lease is over
	waits(t, db, <-pids)
	close(goOn)
	job := p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	require.Equal(t, 2, job.Attempt)
	require.EqualValues(t, 3, job.Progress.Done)
	require.Equal(t, 3, db.effects(t), "each once")
}
