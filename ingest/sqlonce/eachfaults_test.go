package sqlonce_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/internal/postgrestest"
	"github.com/fhirdock/fhirdock/jobs"
)

// cut makes the server close the connection of a transaction.
func (db *database) cut(t *testing.T, tx *sql.Tx) {
	t.Helper()
	ask, end := "SELECT pg_backend_pid()", "SELECT pg_terminate_backend(%d)"
	if db.driver == "mysql" {
		ask, end = "SELECT connection_id()", "KILL CONNECTION %d"
	}
	var id int
	require.NoError(t, tx.QueryRow(ask).Scan(&id))
	_, err := db.Exec(fmt.Sprintf(end, id))
	require.NoError(t, err)
}

// If the connection is cut in the middle of a batch, or its context ends, nothing is
// stored, and redelivery makes all effects.
func TestInterruptedEach(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		for name, fault := range map[string]func(tx *sql.Tx, cancel context.CancelFunc){
			"connection": func(tx *sql.Tx, _ context.CancelFunc) { db.cut(t, tx) },
			"context":    func(_ *sql.Tx, cancel context.CancelFunc) { cancel() },
		} {
			if name == "connection" && db.driver == "sqlite" {
				continue // SQLite has no connection to cut
			}
			for _, at := range []int64{0, 100, 127, 300, 499} {
				_, err := db.ExecContext(t.Context(), "DELETE FROM patients")
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(t.Context())
				b := batch(500, 100, 321)
				b.Key = fmt.Sprint(name, at)
				err = db.keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
					if r.Index == at {
						fault(tx, cancel)
					}
					return db.insert(ctx, tx, r)
				})
				cancel()
				require.Error(t, err, "%s at %d", name, at)
				require.Eventually(t, func() bool { return len(db.ids(t)) == 0 }, 10*time.Second, time.Millisecond)
				require.Empty(t, rejectedOf(b), "%s at %d", name, at)
				for range 2 {
					again := batch(500, 100, 321)
					again.Key = b.Key
					require.NoError(t, db.keys.Each(t.Context(), again, db.insert))
					require.Equal(t, []int{100, 321}, rejectedOf(again), "%s at %d", name, at)
					require.Len(t, db.ids(t), 498)
				}
			}
		}
	})
}

// dieInEach handles a batch with Each, and is killed in the middle or after it.
func dieInEach(at string, db *database) error {
	die := func() {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {}
	}
	err := db.keys.Each(context.Background(), batch(500, 100, 321), func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
		if at == "in the middle" && r.Index == 400 {
			die()
		}
		return db.insert(ctx, tx, r)
	})
	if err == nil {
		die() // after the commit, before the batch is acknowledged
	}
	return err
}

func TestWorkerKilledInEach(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		for _, at := range []string{"in the middle", "before the acknowledgement"} {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), "FHIRDOCK_SQLONCE_EACH=1", "FHIRDOCK_SQLONCE_DIES="+at,
				"FHIRDOCK_SQLONCE_DRIVER="+db.driver, "FHIRDOCK_SQLONCE_DSN="+db.dsn)
			var stderr bytes.Buffer
			child.Stderr = &stderr
			require.Error(t, child.Run())
			require.NotEqual(t, 3, child.ProcessState.ExitCode(), stderr.String())
			if at == "in the middle" {
				require.Empty(t, db.ids(t))
			} else {
				require.Len(t, db.ids(t), 498)
			}
		}
		for range 2 {
			b := batch(500, 100, 321)
			require.NoError(t, db.keys.Each(t.Context(), b, db.insert))
			require.Equal(t, []int{100, 321}, rejectedOf(b))
			require.Len(t, db.ids(t), 498)
		}
	})
}

// A deadlock is not caused by a resource: the whole batch is handed over again.
func TestDeadlock(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		if db.driver == "sqlite" {
			t.Skip("SQLite has one writer")
		}
		db.patients(t)
		for _, id := range []string{"a", "b"} {
			_, err := db.ExecContext(t.Context(), "INSERT INTO patients VALUES ("+db.mark(1)+", 'x')", id)
			require.NoError(t, err)
		}
		held := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
		results := make(chan error, 2)
		for mine, other := range map[string]string{"a": "b", "b": "a"} {
			go func() {
				b := batch(2)
				b.Key = mine
				results <- db.keys.Each(context.Background(), b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
					id := mine
					if r.Index == 1 {
						id = other
						close(held[mine])
						<-held[other]
					}
					_, err := tx.ExecContext(ctx, "UPDATE patients SET name = 'y' WHERE id = "+db.mark(1), id)
					return err
				})
			}()
		}
		first, second := <-results, <-results
		if first == nil {
			first, second = second, first
		}
		require.True(t, isDrivers(first), "one transaction is the victim: %v", first)
		require.NoError(t, second)
		require.Equal(t, 1, db.keysLeft(t), "the victim's key is not stored")
	})
}

// End to end: an upload with one resource that the database refuses.
func TestUploadEndToEnd(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		deliveries := 0
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Service: ingest.Options{Logger: slog.New(slog.DiscardHandler)},
			Handler: ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
				err := db.keys.Each(ctx, b, func(ctx context.Context, tx *sql.Tx, r *ingest.Resource) error {
					var patient struct{ Name string }
					if err := json.Unmarshal(r.Raw, &patient); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, "INSERT INTO patients VALUES ("+db.mark(1)+", "+db.mark(2)+")", r.ID, patient.Name)
					return err
				})
				if deliveries++; deliveries == 1 && err == nil {
					return context.DeadlineExceeded // the worker does not learn that the batch is done
				}
				return err
			}),
		})
		var file strings.Builder
		for i := range 1000 {
			name := "a name"
			if i == 721 {
				name = secret
			}
			fmt.Fprintf(&file, `{"resourceType":"Patient","id":"p%d","name":%q}`+"\n", i, name)
		}
		id := p.Client.Upload(t, "application/fhir+ndjson", []byte(file.String()))
		p.WaitFor(t, id, func(j *jobs.Job) bool { return j.Failure != nil })
		p.Advance(t, time.Hour) // the back-off is over
		job := p.Wait(t, id)
		require.Equal(t, jobs.Completed, job.State)
		require.EqualValues(t, 999, job.Progress.Done)
		require.EqualValues(t, 1, job.Progress.Rejected)
		require.Len(t, db.ids(t), 999)
		require.Equal(t, 2, deliveries)
	})
}

// End to end: one refused entry fails a transaction without any effect, and a redrive
// succeeds once the database accepts the entry.
func TestTransactionEndToEnd(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		db.patients(t)
		_, err := db.ExecContext(t.Context(), "INSERT INTO patients VALUES ('p3', 'of before')")
		require.NoError(t, err)
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Service: ingest.Options{Logger: slog.New(slog.DiscardHandler)},
			Handler: ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error { return db.keys.Each(ctx, b, db.insert) }),
		})
		var entries []string
		for i := range 5 {
			entries = append(entries, fmt.Sprintf(`{"resource":{"resourceType":"Patient","id":"p%d"},"request":{"method":"PUT","url":"Patient/p%d"}}`, i, i))
		}
		id := p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`)).JobID
		job := p.Wait(t, id)
		require.Equal(t, jobs.Failed, job.State)
		require.Equal(t, ingest.CodeTransactionRejected, job.Failure.Code)
		require.Equal(t, []string{"p3"}, db.ids(t))
		require.Zero(t, db.keysLeft(t))

		_, err = db.ExecContext(t.Context(), "DELETE FROM patients")
		require.NoError(t, err)
		p.Client.Redrive(t, id)
		job = p.Wait(t, id)
		require.Equal(t, jobs.Completed, job.State)
		require.Len(t, db.ids(t), 5)
	})
}

// A read-only session, as after a failover, fails only one batch.
func TestReadOnlySessionIsClosed(t *testing.T) {
	db := open(t, "pgx", postgrestest.Schema(t))
	db.patients(t)
	db.SetMaxOpenConns(1)
	_, err := db.ExecContext(t.Context(), "SET default_transaction_read_only = on")
	require.NoError(t, err)
	require.ErrorContains(t, db.keys.Each(t.Context(), batch(3), db.insert), "25006")
	require.NoError(t, db.keys.Each(t.Context(), batch(3), db.insert))
	require.Len(t, db.ids(t), 3)
}
