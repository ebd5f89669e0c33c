package faulttest_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
)

func newJob() *jobs.Job {
	now := time.Now()
	return &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", State: jobs.Accepted, DueAt: now, CreatedAt: now, UpdatedAt: now}
}

// The result of each fault for the caller, and its effect.
func TestFaultsOfAStore(t *testing.T) {
	for fault, want := range map[faulttest.Fault]struct {
		err  error
		done bool
	}{
		faulttest.None:      {nil, true},
		faulttest.Before:    {faulttest.ErrInjected, false},
		faulttest.After:     {faulttest.ErrInjected, true},
		faulttest.Hang:      {context.DeadlineExceeded, false},
		faulttest.HangAfter: {context.DeadlineExceeded, true},
		faulttest.Late:      {context.DeadlineExceeded, true},
		faulttest.Double:    {jobs.ErrConflict, true},
		faulttest.Drop:      {nil, true},
	} {
		t.Run(fault.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := jobs.NewMemStore()
				store := faulttest.Store(inner, faulttest.NthCall(faulttest.StoreUpdate, 2, fault))
				job := newJob()
				require.NoError(t, store.Create(t.Context(), job))
				require.NoError(t, store.Update(t.Context(), job), "the first call is done")
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				job.UserID = "changed"
				require.ErrorIs(t, store.Update(ctx, job), want.err)
				there, err := inner.Get(t.Context(), job.ID)
				require.NoError(t, err)
				require.Equal(t, want.done, there.UserID == "changed")
				require.Equal(t, want.err == nil, job.Revision == 3, "after an error the caller's job keeps its revision")
				job.Revision = there.Revision
				require.NoError(t, store.Update(t.Context(), job), "the third call is done")
			})
		})
	}
	store := faulttest.Store(jobs.NewMemStore(), faulttest.NthCall(faulttest.StoreCreate, 1, faulttest.Double))
	require.ErrorIs(t, store.Create(t.Context(), newJob()), jobs.ErrExists)
}

func TestFaultsOfABucket(t *testing.T) {
	plans := map[faulttest.Kind]faulttest.Fault{}
	inner := memblob.OpenBucket(nil)
	bucket := faulttest.Bucket(inner, func(_ context.Context, c faulttest.Call) faulttest.Fault { return plans[c.Kind] })
	write := func(key string) error {
		return bucket.WriteAll(t.Context(), key, []byte("content"), &blob.WriterOptions{IfNotExist: true})
	}
	exists := func(key string) bool {
		ok, err := inner.Exists(t.Context(), key)
		require.NoError(t, err)
		return ok
	}

	plans[faulttest.BucketWrite] = faulttest.Before
	require.ErrorIs(t, write("a"), faulttest.ErrInjected)
	require.False(t, exists("a"))
	plans[faulttest.BucketWrite] = faulttest.After
	require.ErrorIs(t, write("a"), faulttest.ErrInjected)
	require.True(t, exists("a"))
	plans[faulttest.BucketWrite] = faulttest.Double
	require.Equal(t, gcerrors.FailedPrecondition, gcerrors.Code(write("b")), "the second write finds the first")
	require.True(t, exists("b"))

	plans[faulttest.BucketDelete] = faulttest.Double
	require.Equal(t, gcerrors.NotFound, gcerrors.Code(bucket.Delete(t.Context(), "b")))
	require.False(t, exists("b"))

	_, err := bucket.ReadAll(t.Context(), "none")
	require.Equal(t, gcerrors.NotFound, gcerrors.Code(err))
	plans[faulttest.BucketRead] = faulttest.Before
	_, err = bucket.ReadAll(t.Context(), "a")
	require.ErrorIs(t, err, faulttest.ErrInjected)
	plans[faulttest.BucketRead] = faulttest.Drop
	r, err := bucket.NewReader(t.Context(), "a", nil)
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err, "the body is cut off without an error")
	require.Empty(t, content)
	require.NoError(t, r.Close())
	plans[faulttest.BucketOpen] = faulttest.After
	_, err = bucket.NewReader(t.Context(), "a", nil)
	require.ErrorIs(t, err, faulttest.ErrInjected)
	plans[faulttest.BucketList] = faulttest.Before
	_, err = bucket.List(nil).Next(t.Context())
	require.ErrorIs(t, err, faulttest.ErrInjected)
	require.NoError(t, bucket.Close())
	require.True(t, exists("a"), "the inner bucket is still open")
}

func TestSeededDoesNotDependOnTheOrder(t *testing.T) {
	p := map[faulttest.Fault]float64{faulttest.Before: 0.2, faulttest.After: 0.2}
	decide := func(order []string) map[string][]faulttest.Fault {
		plan, all := faulttest.Seeded(7, p), map[string][]faulttest.Fault{}
		for _, key := range order {
			all[key] = append(all[key], plan(t.Context(), faulttest.Call{Kind: faulttest.StoreGet, Key: key}))
		}
		return all
	}
	var one, other []string
	for n := range 300 {
		one = append(one, fmt.Sprint(n%10))
		other = append(other, fmt.Sprint(n/30))
	}
	first := decide(one)
	require.Equal(t, first, decide(other))
	counts := map[faulttest.Fault]int{}
	for _, faults := range first {
		for _, f := range faults {
			counts[f]++
		}
	}
	require.InDelta(t, 60, counts[faulttest.Before], 25)
	require.InDelta(t, 60, counts[faulttest.After], 25)
	require.Equal(t, 300, counts[faulttest.None]+counts[faulttest.Before]+counts[faulttest.After])
}
