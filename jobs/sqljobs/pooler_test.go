package sqljobs_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// database creates a database for the test and returns its configuration.
func database(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(postgres(t))
	require.NoError(t, err)
	name := "fhirdock_test_" + strings.ToLower(rand.Text())
	admin := connect(t, config)
	_, err = admin.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)") })
	config.Database = name
	return config
}

func connect(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// pooler starts PgBouncer in transaction mode for a database, and returns its URL. Without
// PgBouncer it skips the test, or fails it if FHIRDOCK_TEST_ALL is 1.
func pooler(t testing.TB, to *pgx.ConnConfig, connections int) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("FHIRDOCK_TEST_ALL") == "1" {
			t.Fatalf("no PgBouncer: %v", err)
		}
		t.Skipf("SKIPPED: no PgBouncer (Debian's package pgbouncer): %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	file := filepath.Join(t.TempDir(), "pgbouncer.ini")
	password := ""
	if to.Password != "" { // PgBouncer does not accept an empty one
		password = " password=" + to.Password
	}
	settings := fmt.Sprintf(`[databases]
pooled = host=%s port=%d dbname=%s user=%s%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
`, to.Host, to.Port, to.Database, to.User, password, port, connections)
	require.NoError(t, os.WriteFile(file, []byte(settings), 0o644))
	args := []string{file}
	if os.Getuid() == 0 { // PgBouncer does not run as root
		args = append([]string{"-u", "postgres"}, args...)
	}
	cmd := exec.Command(program, args...)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	}, 20*time.Second, 10*time.Millisecond, "PgBouncer does not listen")
	return "postgres://any@" + address + "/pooled?sslmode=disable"
}

// The pooler gives a session to another client after each transaction, so session locks
// would be left there.
func TestMigrationsThroughAPooler(t *testing.T) {
	for round := range 3 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			url := pooler(t, database(t), 4) + "&default_query_exec_mode=exec"
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			others, stop := context.WithCancel(ctx)
			var busy sync.WaitGroup
			for range 4 { // otherwise each client would get the same session again
				db, err := sql.Open("pgx", url)
				require.NoError(t, err)
				t.Cleanup(func() { _ = db.Close() })
				busy.Go(func() {
					for others.Err() == nil {
						_, _ = db.ExecContext(others, "SELECT pg_sleep(0.002)")
					}
				})
			}
			for range 6 {
				db, err := sql.Open("pgx", url)
				require.NoError(t, err)
				t.Cleanup(func() { _ = db.Close() })
				wg.Go(func() {
					store, err := sqljobs.Open(ctx, db, nil)
					if err == nil {
						err = cycle(ctx, store)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			stop()
			busy.Wait()
		})
	}
}

// Everything works without prepared statements.
func TestWithoutPreparedStatements(t *testing.T) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		t.Run(mode.String(), func(t *testing.T) {
			config := database(t)
			config.DefaultQueryExecMode = mode
			store, err := sqljobs.Open(t.Context(), openPool(t, config), nil)
			require.NoError(t, err)
			now := time.Now()
			job := &jobs.Job{
				ID: jobs.NewID(), OrganizationID: "demo", Source: jobs.Webhook, State: jobs.Accepted, MaxAttempts: 3,
				UserID: `\'"{},$1`, DueAt: now, CreatedAt: now, UpdatedAt: now,
			}
			require.NoError(t, store.Create(t.Context(), job))
			require.ErrorIs(t, store.Create(t.Context(), job), jobs.ErrExists)
			require.NoError(t, cycle(t.Context(), store))
			got, err := store.Get(t.Context(), job.ID)
			require.NoError(t, err)
			require.Equal(t, job.UserID, got.UserID)
			due, err := store.Due(t.Context(), now.Add(time.Second), 10)
			require.NoError(t, err)
			require.Len(t, due, 1)
			for state, want := range map[jobs.State]int{"": 2, jobs.Accepted: 1} {
				page, err := store.List(t.Context(), jobs.Query{OrganizationID: "demo", State: state})
				require.NoError(t, err)
				require.Len(t, page.Jobs, want)
			}
		})
	}
}

// With pgx's default mode a statement is prepared in one session and executed in another.
func TestErrPooler(t *testing.T) {
	db, err := sql.Open("pgx", pooler(t, database(t), 4))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = sqljobs.Open(t.Context(), db, nil)
	require.ErrorIs(t, err, sqljobs.ErrPooler)
	require.ErrorContains(t, err, "default_query_exec_mode=exec")
}
