package docjobs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
)

// items returns the documents that are not jobs.
func items(t *testing.T, coll *docstore.Collection) []map[string]any {
	t.Helper()
	it := coll.Query().Get(t.Context())
	defer it.Stop()
	var all []map[string]any
	for {
		m := map[string]any{}
		err := it.Next(t.Context(), m)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		if m["Sort"] != "job" && m["Sort"] != "organization" {
			all = append(all, m)
		}
	}
}

// During concurrent changes each job in a line has its item, and at the end no others are
// left.
func TestItemsOfLines(t *testing.T) {
	coll := memory(t, docjobs.MemoryOfItems)
	s := store(t, coll, docjobs.MemoryOfItems, nil)
	ctx := t.Context()
	for round := range 30 {
		var all []*jobs.Job
		for n := range 3 {
			job := newJob(fmt.Sprint(round), n)
			require.NoError(t, s.Create(ctx, job))
			all = append(all, job)
		}
		var wg sync.WaitGroup
		for range 4 { // move jobs between all states
			wg.Go(func() {
				for range 8 {
					job := all[rand.IntN(len(all))]
					_, err := jobs.Change(ctx, s, job.ID, func(j *jobs.Job) error {
						states := jobs.States()
						j.State, j.StartedAt, j.NotBefore = states[rand.IntN(len(states))], noon, time.Time{}
						if j.Ready(noon) && rand.IntN(2) == 0 {
							j.NotBefore = noon.Add(time.Duration(rand.IntN(5)) * time.Hour)
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 2 { // readers, which delete left-over items
			wg.Go(func() {
				for range 20 {
					if _, err := s.Next(ctx, jobs.NextQuery{Now: noon, Order: jobs.Order(rand.IntN(3)), Limit: 9, PerOrganization: 3}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var want []string
		for _, j := range all {
			j, err := s.Get(ctx, j.ID)
			require.NoError(t, err)
			if j.Ready(noon) {
				want = append(want, j.ID)
			}
		}
		found, err := s.Next(ctx, jobs.NextQuery{Now: noon, OrganizationID: fmt.Sprint(round), Limit: 9, PerOrganization: 9})
		require.NoError(t, err)
		require.Equal(t, want, ids(found), "round %d", round)
		last := newJob(fmt.Sprint(round), 3) // so that readers have a line to read
		require.NoError(t, s.Create(ctx, last))
		for _, j := range all {
			_, err := jobs.Change(ctx, s, j.ID, func(j *jobs.Job) error {
				j.State, j.DueAt, j.NotBefore = jobs.Completed, time.Time{}, time.Time{}
				return nil
			})
			require.NoError(t, err)
		}
		_, err = s.Next(ctx, jobs.NextQuery{Now: noon, OrganizationID: last.OrganizationID, Order: jobs.Blocking})
		require.NoError(t, err)
		last.State = jobs.Completed
		require.NoError(t, s.Update(ctx, last))
	}
	require.Empty(t, items(t, coll), "left over from jobs that are in no line")
}

func ids(all []*jobs.Job) []string {
	var ids []string
	for _, j := range all {
		ids = append(ids, j.ID)
	}
	return ids
}

// Items left by a writer that died are skipped, and deleted only once no writer can need
// them.
func TestLeftOverItems(t *testing.T) {
	coll := memory(t, docjobs.MemoryOfItems)
	s := store(t, coll, docjobs.MemoryOfItems, nil)
	ctx := t.Context()
	job := newJob("a", 1)
	require.NoError(t, s.Create(ctx, job))
	there := items(t, coll)
	require.Len(t, there, 3, "an accepted job is in three lines")
	job.State = jobs.Completed
	require.NoError(t, s.Update(ctx, job))
	require.Empty(t, items(t, coll))

	put := func(revision int64) {
		for _, m := range there {
			it := map[string]any{"ID": m["ID"], "Sort": m["Sort"], "Job": m["Job"], "Revision": revision, docstore.DefaultRevisionField: nil}
			require.NoError(t, coll.Put(ctx, it))
		}
	}
	look := func() {
		t.Helper()
		for _, q := range []jobs.NextQuery{{}, {OrganizationID: "a"}} {
			q.Now = noon
			found, err := s.Next(ctx, q)
			require.NoError(t, err)
			require.Empty(t, found)
		}
	}
	put(job.Revision + 1) // a writer is about to redrive it, or died before it did
	look()
	require.Len(t, items(t, coll), 3)
	put(job.Revision) // the writer is done, or lost
	look()
	left := items(t, coll)
	require.Len(t, left, 2, "the item of the line that was read is deleted")

	// An item of a job that does not exist yet.
	for _, m := range left {
		require.NoError(t, coll.Delete(ctx, m))
	}
	for _, m := range there {
		m["Job"] = jobs.NewID()
		m["Sort"] = m["Sort"].(string)[:len(m["Sort"].(string))-36] + m["Job"].(string)
	}
	put(1)
	look()
	require.Len(t, items(t, coll), 3)
}

// An item is never replaced by one with an earlier revision.
func TestItemRevisionNeverGoesBack(t *testing.T) {
	coll := memory(t, docjobs.MemoryOfItems)
	s := store(t, coll, docjobs.MemoryOfItems, nil)
	ctx := t.Context()
	job := newJob("a", 1)
	require.NoError(t, s.Create(ctx, job))
	there := items(t, coll)
	job.State = jobs.Completed
	require.NoError(t, s.Update(ctx, job))
	for _, m := range there { // a writer is about to write revision 9
		m["Revision"], m[docstore.DefaultRevisionField] = int64(9), nil
		require.NoError(t, coll.Put(ctx, m))
	}
	again := newJob("a", 1)
	again.ID = job.ID
	require.ErrorIs(t, s.Create(ctx, again), jobs.ErrExists)
	job.State = jobs.Accepted
	require.NoError(t, s.Update(ctx, job))
	for _, m := range items(t, coll) {
		require.EqualValues(t, 9, m["Revision"])
	}
}
