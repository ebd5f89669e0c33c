//go:build unix

package main

import (
	"context"
	"database/sql"
	"flag"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

var (
	backlogJobs = flag.Int("backlog", 500, "jobs that wait at the start of TestRestartWithABacklog")
	backlogFor  = flag.Duration("backlog-for", time.Minute, "how long its gateway works, at most")
	backlogRate = flag.Bool("backlog-rate", false, "compare its rate with a gateway that has 250 jobs waiting at a time")
)

// A gateway that starts with a large backlog begins at once and works steadily. The long
// form compares its rate with a gateway that is fed:
//
//	go -C examples test ./gateway -run RestartWithABacklog -v -backlog 100000 -backlog-rate -timeout 30m
func TestRestartWithABacklog(t *testing.T) {
	data := t.TempDir()
	store, waiting := oneWaits(t, data)
	queueUp(t, store, waiting, *backlogJobs-1)

	began := time.Now()
	p, c := gateway(t, data)
	got := watchFinished(t, c.Base, began, *backlogJobs, *backlogFor, func(int) {})
	t.Logf("%d waited: first job after %s, %.0f jobs/s, longest time without one %s", *backlogJobs, got.first.Round(time.Millisecond), got.rate(), got.gap.Round(time.Millisecond))
	require.Less(t, got.first, 10*time.Second)
	require.Less(t, got.gap, 10*time.Second)
	if got.took < *backlogFor {
		require.Equal(t, *backlogJobs, got.finished)
	}
	if !*backlogRate {
		return
	}
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.Exit(t, time.Minute)
	healthy := fed(t, got.took)
	t.Logf("fed: %.0f jobs/s, longest time without one %s", healthy.rate(), healthy.gap.Round(time.Millisecond))
	require.Less(t, got.first, time.Second)
	require.Less(t, got.gap, 3*time.Second)
	require.Greater(t, got.rate(), 0.8*healthy.rate())
}

// fed watches a gateway that has at most 250 jobs waiting.
func fed(t *testing.T, long time.Duration) finishes {
	const depth = 250
	data := t.TempDir()
	store, waiting := oneWaits(t, data)
	queued := depth
	queueUp(t, store, waiting, depth-1)
	began := time.Now()
	_, c := gateway(t, data)
	return watchFinished(t, c.Base, began, 1<<30, min(max(long, 5*time.Second), 30*time.Second), func(finished int) {
		queueUp(t, store, waiting, max(0, finished+depth-queued))
		queued = max(queued, finished+depth)
	})
}

// oneWaits returns the store in a gateway's folder, and the only job waiting there.
func oneWaits(t *testing.T, data string) (*sqljobs.Store, *jobs.Job) {
	t.Helper()
	p, c := gateway(t, data, "-role", "api")
	receipt, err := c.PostBundle(t.Context(), bundle("a"), -1)
	require.NoError(t, err)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.Exit(t, time.Minute))
	store := openJobs(t, data)
	job, err := store.Get(t.Context(), receipt.JobID)
	require.NoError(t, err)
	return store, job
}

// openJobs opens the job store in a gateway's folder.
func openJobs(t *testing.T, data string) *sqljobs.Store {
	t.Helper()
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(data, "jobs.sqlite")))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	store, err := sqljobs.Open(t.Context(), db, nil)
	require.NoError(t, err)
	return store
}

// queueUp adds n jobs that share the payload of like.
func queueUp(t *testing.T, store *sqljobs.Store, like *jobs.Job, n int) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(256) // concurrent inserts share commits
	for range n {
		job := like.Clone()
		job.ID, job.CreatedAt = jobs.NewID(), time.Now()
		g.Go(func() error { return store.Create(ctx, job) })
	}
	require.NoError(t, g.Wait())
}

// finishes describes a gateway's progress.
type finishes struct {
	finished    int
	first, took time.Duration // from the start to the first, and from the first to the last
	gap         time.Duration // longest time in which none finished
}

func (f finishes) rate() float64 { return float64(f.finished) / f.took.Seconds() }

var finishedJobs = regexp.MustCompile(`(?m)^fhirdock_jobs_finished_total\{[^}]*\} (\S+)$`)

// watchFinished watches a gateway that started at began until n jobs are finished, for
// atMost.
func watchFinished(t *testing.T, base string, began time.Time, n int, atMost time.Duration, see func(finished int)) (f finishes) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	last := began
	for tick := time.NewTicker(50 * time.Millisecond); f.finished < n; {
		_, body := get(t, base+"/metrics")
		finished := 0
		for _, found := range finishedJobs.FindAllStringSubmatch(body, -1) {
			v, err := strconv.ParseFloat(found[1], 64)
			require.NoError(t, err)
			finished += int(v)
		}
		now := time.Now()
		f.gap = max(f.gap, now.Sub(last))
		if finished > f.finished {
			if f.finished == 0 {
				f.first = now.Sub(began)
			}
			f.finished, last = finished, now
			f.took = now.Sub(began)
		}
		see(finished)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return f
		}
	}
	return f
}
