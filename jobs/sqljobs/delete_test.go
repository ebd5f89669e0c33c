package sqljobs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
)

// Each deletion of a group gets the answer it would get alone.
func TestBulkDeletesAnswerEachCall(t *testing.T) {
	stores, _ := onPostgres(t, 1)
	s, ctx := stores[0], t.Context()
	all := make([]*jobs.Job, 6)
	for n := range all {
		all[n] = newJob(n)
		require.NoError(t, s.Create(ctx, all[n]))
	}
	require.NoError(t, s.Update(ctx, all[5]))
	remove := func(g *group, job *jobs.Job, revision int64) *error {
		gone := job.Clone()
		gone.Revision = revision
		return g.call(func() error { return s.Delete(ctx, gone) })
	}
	g := newGroup(t, s)
	deleted := []*error{remove(g, all[0], 1), remove(g, all[3], 1), remove(g, all[5], 2)}
	twice := []*error{remove(g, all[1], 1), remove(g, all[1], 1)}
	stale := remove(g, all[2], 7)
	missing := remove(g, newJob(99), 1)
	g.run()
	for _, err := range deleted {
		require.NoError(t, *err)
	}
	require.ElementsMatch(t, []error{nil, jobs.ErrNotFound}, []error{*twice[0], *twice[1]})
	require.ErrorIs(t, *stale, jobs.ErrConflict)
	require.ErrorIs(t, *missing, jobs.ErrNotFound)
	for n := range all {
		_, err := s.Get(ctx, jobs.DerivedID(fmt.Sprint(n)))
		if n == 2 || n == 4 {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, jobs.ErrNotFound)
		}
	}
}
