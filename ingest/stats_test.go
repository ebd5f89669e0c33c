package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// job adds a job in a state, created and changed a while ago.
func (a *archive) job(t *testing.T, org string, state jobs.State, age time.Duration, change func(*jobs.Job)) *jobs.Job {
	t.Helper()
	at := time.Now().Add(-age)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: org, Source: jobs.Webhook, State: state, MaxAttempts: 3, CreatedAt: at, UpdatedAt: at}
	if state.Finished() {
		job.FinishedAt = at
	}
	if change != nil {
		change(job)
	}
	require.NoError(t, a.store.Create(t.Context(), job))
	return job
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		ops := a.service(t, nil, &ingest.Options{MaxWaiting: 20}).Operator()
		stats, err := ops.Stats(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, &ingest.Stats{Jobs: map[jobs.State]int{jobs.AwaitingUpload: 0, jobs.Accepted: 0, jobs.Processing: 0, jobs.Failed: 0}}, stats)

		for n := range 600 { // more than a page of organizations, each with a job that is next
			a.job(t, fmt.Sprintf("org-%03d", n), jobs.Accepted, time.Minute, nil)
		}
		a.job(t, "zz", jobs.Accepted, 5*time.Minute, nil)
		// None of these has waited longer.
		a.job(t, "z1", jobs.Accepted, time.Hour, func(j *jobs.Job) { j.UpdatedAt = time.Now() })                          // redriven
		a.job(t, "z2", jobs.Accepted, time.Hour, func(j *jobs.Job) { j.NotBefore = time.Now().Add(-time.Minute) })        // after its back-off
		a.job(t, "z3", jobs.Accepted, time.Hour, func(j *jobs.Job) { j.NotBefore = time.Now().Add(time.Minute) })         // in its back-off
		a.job(t, "z4", jobs.Cancelled, time.Hour, func(j *jobs.Job) { j.DueAt = time.Now().Add(time.Hour) })              // to be cleared away
		a.job(t, "z5", jobs.Processing, time.Hour, func(j *jobs.Job) { j.DueAt = time.Now().Add(-time.Minute) })          // due
		a.job(t, "z5", jobs.AwaitingUpload, time.Hour, func(j *jobs.Job) { j.DueAt = time.Now().Add(-61 * time.Second) }) // overdue
		a.job(t, "z5", jobs.AwaitingUpload, time.Hour, func(j *jobs.Job) { j.DueAt = time.Now().Add(-10 * time.Minute) }) // overdue
		a.job(t, "z5", jobs.Failed, time.Hour, nil)
		stats, err = ops.Stats(t.Context(), &ingest.StatsRequest{Limit: 10})
		require.NoError(t, err)
		require.Equal(t, &ingest.Stats{
			// Accepted jobs are counted beyond MaxWaiting.
			Jobs:          map[jobs.State]int{jobs.AwaitingUpload: 2, jobs.Accepted: 23, jobs.Processing: 1, jobs.Failed: 1},
			OldestWaiting: 5 * time.Minute, Due: 3, Overdue: 2, OldestDue: 10 * time.Minute,
		}, stats)
		stats, err = ops.Stats(t.Context(), &ingest.StatsRequest{Limit: 1, States: []jobs.State{jobs.AwaitingUpload, jobs.Completed}, Overdue: 5 * time.Minute})
		require.NoError(t, err)
		require.Equal(t, map[jobs.State]int{jobs.AwaitingUpload: 1, jobs.Completed: 0}, stats.Jobs)
		require.Equal(t, 1, stats.Overdue)
	})
}

// without fails all calls of a kind.
func without(kind faulttest.Kind) faulttest.Plan {
	return func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if c.Kind == kind {
			return faulttest.Before
		}
		return faulttest.None
	}
}

func TestStatsFail(t *testing.T) {
	a := newArchive()
	for _, kind := range []faulttest.Kind{faulttest.StoreCount, faulttest.StoreDue, faulttest.StoreNext} {
		_, err := a.service(t, without(kind), &ingest.Options{}).Operator().Stats(t.Context(), nil)
		require.ErrorIs(t, err, ingest.ErrUnavailable, kind)
	}
	ops := a.service(t, nil, &ingest.Options{}).Operator()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ops.Stats(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
	for _, req := range []ingest.StatsRequest{{Limit: -1}, {Overdue: -1}, {States: []jobs.State{"x"}}} {
		_, err := ops.Stats(t.Context(), &req)
		require.Error(t, err)
	}
}

func TestLeasesAreCounted(t *testing.T) {
	working, goOn := make(chan struct{}), make(chan struct{})
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: ingest.HandlerFunc(func(context.Context, *ingest.Batch) error {
		working <- struct{}{}
		<-goOn
		return nil
	})})
	require.Zero(t, p.Service.Leases())
	receipt := p.Client.PostBundle(t, []byte(small))
	<-working
	require.Equal(t, 1, p.Service.Leases())
	close(goOn)
	p.Wait(t, receipt.JobID)
	require.Eventually(t, func() bool { return p.Service.Leases() == 0 }, 10*time.Second, time.Millisecond)
}

func TestSweepsAreObserved(t *testing.T) {
	a := newArchive()
	a.job(t, "a", jobs.Processing, time.Hour, func(j *jobs.Job) { j.DueAt = time.Now().Add(-time.Minute); j.Attempt = 1; j.LeaseOwner = "w" })
	var seen recorder
	sweep := func(plan faulttest.Plan) ingest.Event {
		sweeper, err := ingest.NewSweeper(a.service(t, plan, &ingest.Options{Observe: seen.observe}), nil)
		require.NoError(t, err)
		_, _ = sweeper.Sweep(t.Context())
		events := seen.all()
		last := events[len(events)-1]
		require.Equal(t, ingest.EventSwept, last.Kind)
		require.Positive(t, last.Duration)
		return last
	}
	ok := sweep(nil)
	require.Equal(t, "ok", ok.Code)
	require.EqualValues(t, 1, ok.Resources)
	require.Equal(t, "failed", sweep(without(faulttest.StoreDue)).Code)
}
