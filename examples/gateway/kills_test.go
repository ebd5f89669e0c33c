//go:build unix

package main

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/proctest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

var (
	kills    = flag.Int("kills", 3, "how often TestKillsUnderLoad kills its gateway; times are checked from 10")
	killsFor = flag.Duration("kills-for", 2*time.Second, "duration of the kills")
)

// A gateway that is killed repeatedly under load loses nothing, and the next gateway
// continues the interrupted jobs although their lease lasts for another half minute. The
// long form:
//
//	go -C examples test ./gateway -run KillsUnderLoad -v -kills 32 -kills-for 25s -timeout 20m
func TestKillsUnderLoad(t *testing.T) {
	data := t.TempDir()
	var base atomic.Value
	start := func() *proctest.Process {
		p, c := gateway(t, data, "-rate", "0")
		base.Store(c.Base)
		return p
	}
	p := start()
	var senders sync.WaitGroup
	var mu sync.Mutex
	var accepted []string
	load, stop := context.WithCancel(t.Context())
	defer stop()
	for range 4 {
		senders.Go(func() {
			for load.Err() == nil {
				c := &frontdoor.Client{Base: base.Load().(string), Token: "dev"}
				receipt, err := c.PostBundle(load, bundle("a"), -1)
				if err != nil { // no gateway is running
					time.Sleep(5 * time.Millisecond)
					continue
				}
				mu.Lock()
				accepted = append(accepted, receipt.JobID)
				mu.Unlock()
			}
		})
	}
	kill := func() {
		time.Sleep(rand.N(2 * *killsFor / time.Duration(*kills)))
		require.NoError(t, p.Process.Kill())
		p.Exit(t, 10*time.Second)
	}
	store := openJobs(t, data)
	for range *kills - 1 {
		kill()
		p = start()
	}
	var interrupted []*jobs.Job
	for try := 0; len(interrupted) == 0; try++ {
		require.Less(t, try, 20, "no job was ever interrupted")
		if try > 0 {
			p = start()
		}
		kill()
		interrupted = processing(t, store)
	}
	stop()
	senders.Wait()

	left, err := store.Count(t.Context(), "", jobs.Accepted, 1<<20)
	require.NoError(t, err)
	began := time.Now()
	p = start()
	resumed := untilResumed(t, store, interrupted, began)
	t.Logf("%d kills, %d jobs accepted; the %d that the last one interrupted went on within %s of the next start",
		*kills, len(accepted), len(interrupted), resumed.Round(time.Millisecond))
	finished := watchFinished(t, base.Load().(string), began, left+len(interrupted), time.Minute, func(int) {})
	t.Logf("%d waited: %.0f jobs/s, longest time without one %s", left, finished.rate(), finished.gap.Round(time.Millisecond))
	for _, id := range accepted {
		require.Eventually(t, func() bool {
			job, err := store.Get(t.Context(), id)
			require.NoError(t, err)
			return job.State == jobs.Completed
		}, 5*time.Minute, 20*time.Millisecond, id)
	}
	require.Less(t, resumed, 10*time.Second)
	if *kills >= 10 {
		require.Less(t, resumed, 2*time.Second)
	}
}

// processing returns the jobs that a worker holds.
func processing(t *testing.T, store *sqljobs.Store) []*jobs.Job {
	t.Helper()
	page, err := store.List(t.Context(), jobs.Query{OrganizationID: "demo", State: jobs.Processing, Limit: jobs.MaxPage})
	require.NoError(t, err)
	return page.Jobs
}

// untilResumed waits until all jobs have been claimed once more, and returns how long
// after since that was.
func untilResumed(t *testing.T, store *sqljobs.Store, interrupted []*jobs.Job, since time.Time) time.Duration {
	t.Helper()
	for _, was := range interrupted {
		require.Eventually(t, func() bool {
			job, err := store.Get(t.Context(), was.ID)
			require.NoError(t, err)
			return job.Attempt > was.Attempt
		}, time.Minute, 5*time.Millisecond, was.ID)
	}
	return time.Since(since)
}
