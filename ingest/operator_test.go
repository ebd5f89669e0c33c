package ingest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// failedJob makes a job failed with a code, so that it can be redriven.
func failedJob(code string) func(*jobs.Job) {
	return func(j *jobs.Job) {
		j.StartedAt, j.Attempt = j.CreatedAt, 3
		j.Failure = &jobs.Failure{Code: code, At: j.CreatedAt}
	}
}

// listed returns the ids of all jobs that a request selects, page by page.
func listed(t *testing.T, ops *ingest.Operator, req ingest.OperatorRequest) (ids []string) {
	t.Helper()
	for calls := 0; ; calls++ {
		page, err := ops.List(t.Context(), req)
		require.NoError(t, err)
		for _, job := range page.Jobs {
			ids = append(ids, job.ID)
		}
		if req.Cursor = page.Next; req.Cursor == "" {
			return ids
		}
		require.Less(t, calls, 10_000)
	}
}

// changedAll calls a method until it is done.
func changedAll(t *testing.T, call func(context.Context, ingest.OperatorRequest) (*ingest.Changed, error), req ingest.OperatorRequest) (sum ingest.Changed) {
	t.Helper()
	for calls := 0; ; calls++ {
		done, err := call(t.Context(), req)
		require.NoError(t, err)
		sum.Jobs += done.Jobs
		sum.Skipped += done.Skipped
		if req.Limit > 0 {
			require.LessOrEqual(t, done.Jobs, req.Limit)
		}
		if req.Cursor = done.Next; req.Cursor == "" {
			return sum
		}
		require.Less(t, calls, 10_000)
	}
}

func (a *archive) states(t *testing.T) map[jobs.State]int {
	t.Helper()
	all := map[jobs.State]int{}
	for _, state := range jobs.States() {
		n, err := a.store.Count(t.Context(), "", state, 1<<20)
		require.NoError(t, err)
		if n > 0 {
			all[state] = n
		}
	}
	return all
}

func TestOperatorListsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		ops := a.service(t, nil, &ingest.Options{}).Operator()
		require.Empty(t, listed(t, ops, ingest.OperatorRequest{}))
		var want []string // by organization, newest first
		for n := range 250 {
			org := fmt.Sprintf("org-%03d", n)
			young := a.job(t, org, jobs.Accepted, time.Minute, nil)
			old := a.job(t, org, jobs.Failed, time.Hour, failedJob("target"))
			want = append(want, young.ID, old.ID)
		}
		one := a.job(t, "org-100", jobs.Failed, 2*time.Hour, failedJob("other"))
		want = slices.Insert(want, 202, one.ID)
		long := a.job(t, "org-101", jobs.Completed, 3*time.Hour, func(j *jobs.Job) { j.FinishedAt = time.Now() })
		want = slices.Insert(want, 205, long.ID)
		for _, limit := range []int{1, 7, 100, 500} {
			require.Equal(t, want, listed(t, ops, ingest.OperatorRequest{Limit: limit}), limit)
		}
		require.Equal(t, []string{want[200], want[201], one.ID}, listed(t, ops, ingest.OperatorRequest{OrganizationID: "org-100", Limit: 2}))
		require.Equal(t, []string{one.ID}, listed(t, ops, ingest.OperatorRequest{Code: "other"}))
		require.Equal(t, []string{long.ID}, listed(t, ops, ingest.OperatorRequest{State: jobs.Completed}))
		require.Len(t, listed(t, ops, ingest.OperatorRequest{State: jobs.Failed, Limit: 3}), 251)
		now := time.Now()
		require.Equal(t, []string{one.ID}, listed(t, ops, ingest.OperatorRequest{Before: now.Add(-time.Hour)}))
		require.Len(t, listed(t, ops, ingest.OperatorRequest{After: now.Add(-time.Hour)}), 501)
		require.Len(t, listed(t, ops, ingest.OperatorRequest{After: now.Add(-time.Minute)}), 251, "selected by when they finished, not by when they were created")
		require.Empty(t, listed(t, ops, ingest.OperatorRequest{OrganizationID: "org"}))

		sum := map[jobs.State]int{}
		for req := (ingest.OperatorRequest{Before: now.Add(-time.Second)}); ; {
			counted, err := ops.Count(t.Context(), req)
			require.NoError(t, err)
			for state, n := range counted.Jobs {
				sum[state] += n
			}
			if req.Cursor = counted.Next; req.Cursor == "" {
				break
			}
		}
		require.Equal(t, map[jobs.State]int{jobs.Accepted: 250, jobs.Failed: 251}, sum)
	})
}

func TestOperatorRedrives(t *testing.T) {
	a := newArchive()
	ops := a.service(t, nil, &ingest.Options{}).Operator()
	for n := range 30 {
		org := fmt.Sprintf("org-%d", n%3)
		a.job(t, org, jobs.Failed, time.Hour, failedJob("target"))
		a.job(t, org, jobs.Failed, time.Hour, failedJob("other"))
		a.job(t, org, jobs.Completed, time.Hour, failedJob(""))
	}
	a.job(t, "org-0", jobs.Failed, time.Hour, func(j *jobs.Job) { j.Failure = &jobs.Failure{Code: "target"} }) // a rejected upload
	before := a.states(t)
	req := ingest.OperatorRequest{Code: "target", Limit: 7, DryRun: true}
	require.Equal(t, ingest.Changed{Jobs: 30, Skipped: 1}, changedAll(t, ops.Redrive, req))
	require.Equal(t, before, a.states(t), "a dry run changes nothing")
	req.DryRun = false
	require.Equal(t, ingest.Changed{Jobs: 30, Skipped: 1}, changedAll(t, ops.Redrive, req))
	require.Equal(t, map[jobs.State]int{jobs.Accepted: 30, jobs.Failed: 31, jobs.Completed: 30}, a.states(t))
	require.Equal(t, ingest.Changed{Skipped: 1}, changedAll(t, ops.Redrive, req), "redriven jobs are not failed any more")
	require.Equal(t, ingest.Changed{Jobs: 10}, changedAll(t, ops.Redrive, ingest.OperatorRequest{OrganizationID: "org-1", State: jobs.Completed}))
	require.Equal(t, map[jobs.State]int{jobs.Accepted: 40, jobs.Failed: 31, jobs.Completed: 20}, a.states(t))
}

func TestOperatorCancels(t *testing.T) {
	a := newArchive()
	var seen recorder
	ops := a.service(t, nil, &ingest.Options{Observe: seen.observe}).Operator()
	for n := range 20 {
		for _, state := range jobs.States() {
			a.job(t, fmt.Sprintf("org-%d", n%4), state, time.Duration(n)*time.Minute, nil)
		}
	}
	before := a.states(t)
	require.Equal(t, ingest.Changed{Jobs: 60}, changedAll(t, ops.Cancel, ingest.OperatorRequest{Limit: 1, DryRun: true}))
	require.Equal(t, before, a.states(t))
	require.Empty(t, seen.all())
	require.Equal(t, ingest.Changed{Jobs: 5}, changedAll(t, ops.Cancel, ingest.OperatorRequest{OrganizationID: "org-2", State: jobs.Accepted}))
	require.Equal(t, ingest.Changed{Jobs: 55}, changedAll(t, ops.Cancel, ingest.OperatorRequest{Limit: 4}))
	want := map[jobs.State]int{jobs.Completed: 20, jobs.Failed: 20, jobs.Expired: 20, jobs.Cancelled: 80}
	require.Equal(t, want, a.states(t))
	require.Equal(t, ingest.Changed{Jobs: 9}, changedAll(t, ops.Cancel, ingest.OperatorRequest{State: jobs.Failed, Before: time.Now().Add(-10*time.Minute - 30*time.Second)}))
	finished := 0
	for _, e := range seen.all() {
		if e.Kind == ingest.EventFinished && e.State == string(jobs.Cancelled) {
			finished++
		}
	}
	require.Equal(t, 69, finished)
}

// A job that can't be changed ends the call, with a cursor to continue from: after that
// each job was changed once.
func TestOperatorContinuesAfterAFailure(t *testing.T) {
	for nth := 1; nth <= 6; nth++ {
		a := newArchive()
		for n := range 6 {
			a.job(t, fmt.Sprintf("org-%d", n/2), jobs.Failed, time.Hour, failedJob("target"))
		}
		ops := a.service(t, faulttest.NthCall(faulttest.StoreUpdate, nth, faulttest.Before), &ingest.Options{}).Operator()
		done, err := ops.Redrive(t.Context(), ingest.OperatorRequest{})
		require.ErrorIs(t, err, ingest.ErrUnavailable)
		require.Equal(t, nth-1, done.Jobs)
		require.NotEmpty(t, done.Next)
		rest := changedAll(t, ops.Redrive, ingest.OperatorRequest{Cursor: done.Next})
		require.Equal(t, 6, done.Jobs+rest.Jobs)
		require.Zero(t, rest.Skipped)
		require.Equal(t, map[jobs.State]int{jobs.Accepted: 6}, a.states(t))
	}
	for _, kind := range []faulttest.Kind{faulttest.StoreOrganizations, faulttest.StoreList} {
		ops := newArchive()
		ops.job(t, "a", jobs.Failed, time.Hour, failedJob("target"))
		_, err := ops.service(t, without(kind), &ingest.Options{}).Operator().List(t.Context(), ingest.OperatorRequest{})
		require.ErrorIs(t, err, ingest.ErrUnavailable)
	}
}

// conflicting is a store in which someone changes each job once, between a read and an
// update of it.
type conflicting struct {
	jobs.Store
	change func(*jobs.Job)
	done   map[string]bool
}

func (c *conflicting) Get(ctx context.Context, id string) (*jobs.Job, error) {
	job, err := c.Store.Get(ctx, id)
	if err != nil || c.done[id] {
		return job, err
	}
	c.done[id] = true
	next := job.Clone()
	c.change(next)
	return job, c.Store.Update(ctx, next)
}

func TestOperatorAndOthers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*jobs.Job)
		want   ingest.Changed
		state  jobs.State
	}{
		"a change that leaves it failed": {func(j *jobs.Job) { j.UpdatedAt = time.Now() }, ingest.Changed{Jobs: 3}, jobs.Accepted},
		"another redrive":                {func(j *jobs.Job) { j.State = jobs.Accepted }, ingest.Changed{Skipped: 3}, jobs.Accepted},
		"another failure":                {func(j *jobs.Job) { j.Failure.Code = "other" }, ingest.Changed{Skipped: 3}, jobs.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive()
			for range 3 {
				a.job(t, "a", jobs.Failed, time.Hour, failedJob("target"))
			}
			topic, _ := local(nil)
			svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(a.bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: &conflicting{a.store, c.change, map[string]bool{}}}, &ingest.Options{NoUploads: true})
			require.NoError(t, err)
			require.Equal(t, c.want, changedAll(t, svc.Operator().Redrive, ingest.OperatorRequest{Code: "target"}))
			require.Equal(t, map[jobs.State]int{c.state: 3}, a.states(t))
		})
	}
}

// slowLists is a store with slow lists, bounded by the context.
type slowLists struct{ jobs.Store }

func (s slowLists) List(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(300 * time.Millisecond):
		return s.Store.List(ctx, q)
	}
}

// A call returns in time if the store is slow, even if nothing is selected, and repeated
// calls come to an end.
func TestOperatorReturnsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive()
		for n := range 40 {
			a.job(t, fmt.Sprintf("org-%d", n), jobs.Completed, time.Hour, nil)
		}
		topic, subscription := local(nil)
		defer func() { _, _ = topic.Shutdown(context.Background()), subscription.Shutdown(context.Background()) }()
		svc, err := ingest.New(ingest.Backends{Store: must(blobstore.New(a.bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: slowLists{a.store}}, &ingest.Options{NoUploads: true, StoreTimeout: 2 * time.Second})
		require.NoError(t, err)
		for _, timeout := range []time.Duration{time.Hour, 500 * time.Millisecond} { // of the caller
			req, calls, found := ingest.OperatorRequest{Code: "none"}, 0, 0
			for {
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				counted, err := svc.Operator().Count(ctx, req)
				cancel()
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(began), 1500*time.Millisecond)
				calls++
				found += len(counted.Jobs)
				if req.Cursor = counted.Next; req.Cursor == "" {
					break
				}
			}
			require.Zero(t, found)
			require.Greater(t, calls, 5)
		}
	})
}

func TestOperatorRefuses(t *testing.T) {
	a := newArchive()
	ops := a.service(t, nil, &ingest.Options{}).Operator()
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, req := range map[string]ingest.OperatorRequest{
		"limit": {Limit: 501}, "negative limit": {Limit: -1}, "state": {State: "x"}, "cursor": {Cursor: "x"}, "no cursor": {Cursor: encoded(`{}`)},
		"state of a cursor": {Cursor: encoded(`{"o":"a","s":7}`)}, "cursor of a state": {Cursor: encoded(`{"o":"a","c":"x"}`)},
		"cursor of another organization": {OrganizationID: "b", Cursor: encoded(`{"o":"a"}`)},
	} {
		_, err := ops.List(t.Context(), req)
		require.ErrorIs(t, err, ingest.ErrInvalid, name)
		_, err = ops.Count(t.Context(), req)
		require.ErrorIs(t, err, ingest.ErrInvalid, name)
		for _, call := range []func(context.Context, ingest.OperatorRequest) (*ingest.Changed, error){ops.Redrive, ops.Cancel} {
			_, err = call(t.Context(), req)
			require.ErrorIs(t, err, ingest.ErrInvalid, name)
		}
	}
	for _, state := range jobs.States() {
		_, err := ops.Redrive(t.Context(), ingest.OperatorRequest{State: state})
		require.Equal(t, state == jobs.Failed || state == jobs.Completed, err == nil, state)
		_, err = ops.Cancel(t.Context(), ingest.OperatorRequest{State: state})
		require.Equal(t, !state.Finished() || state == jobs.Failed, err == nil, state)
	}
}
