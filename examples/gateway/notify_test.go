//go:build unix

package main

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// notified is an accepting and a working gateway that share nothing but a PostgreSQL
// server. No sweep happens during the test: notifications wake the jobs.
type notified struct {
	*frontdoor.Client
	db       *sql.DB
	listener string // the application_name of the worker's subscription
}

func newNotified(t testing.TB) *notified {
	t.Helper()
	jobs, queue := proctest.Lend(t, servers.Postgres), proctest.Lend(t, servers.Notify)
	db, err := sql.Open("pgx", jobs.Jobs)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	n := &notified{db: db, listener: "listener" + queue.Topic[strings.LastIndex(queue.Topic, "_"):]}
	subscription := strings.Replace(queue.Subscription, "application_name=fhirdock", "application_name=listener", 1)
	data := t.TempDir()
	args := []string{"-jobs", jobs.Jobs, "-topic", queue.Topic, "-poll-every", "10m", "-sweep-every", "10m"}
	gateway(t, data, append(args, "-role", "worker", "-subscription", subscription)...)
	_, n.Client = gateway(t, data, append(args, "-role", "api")...)
	return n
}

// listens waits for a listener other than the given one, and returns its process id.
func (n *notified) listens(t testing.TB, other int) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		err := n.db.QueryRowContext(t.Context(), `select pid from pg_stat_activity
			where application_name = $1 and pid <> $2 and state = 'idle' and query like 'LISTEN %'`, n.listener, other).Scan(&pid)
		return err == nil
	}, 20*time.Second, time.Millisecond)
	return pid
}

func (n *notified) works(t testing.TB, id string) *frontdoor.Job {
	t.Helper()
	receipt, err := n.PostBundle(t.Context(), bundle(id), -1)
	require.NoError(t, err)
	job := follow(t, n.Client, receipt.JobID)
	require.Equal(t, "completed", job.Status)
	return job
}

// Wake-ups by PostgreSQL work, and again after the listener's connection was cut.
func TestNotify(t *testing.T) {
	t.Parallel()
	n := newNotified(t)
	pid := n.listens(t, 0)
	n.works(t, "a")
	for range 2 {
		_, err := n.db.ExecContext(t.Context(), "select pg_terminate_backend($1)", pid)
		require.NoError(t, err)
		pid = n.listens(t, pid)
		n.works(t, "b")
	}
}

// BenchmarkNotify measures the time from a job's acceptance to its claim on an idle
// gateway.
func BenchmarkNotify(b *testing.B) {
	n := newNotified(b)
	n.listens(b, 0)
	var took []time.Duration
	for b.Loop() {
		job := n.works(b, fmt.Sprint(len(took)))
		took = append(took, job.StartedAt.Sub(job.CreatedAt))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
