package docjobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/docjobs"
)

// Deleting a job in any state removes its items, including left-over ones.
func TestDeletedJobsLeaveNoItems(t *testing.T) {
	coll := memory(t, docjobs.MemoryOfItems)
	s := store(t, coll, docjobs.MemoryOfItems, nil)
	ctx := t.Context()
	for n, state := range jobs.States() {
		job := newJob("a", n)
		require.NoError(t, s.Create(ctx, job))
		there := items(t, coll)
		require.NotEmpty(t, there)
		job.State, job.StartedAt = state, noon
		require.NoError(t, s.Update(ctx, job))
		for _, m := range there { // what a writer that died left
			m[docstore.DefaultRevisionField] = nil
			require.NoError(t, coll.Put(ctx, m))
		}
		require.NoError(t, s.Delete(ctx, job))
		require.Empty(t, items(t, coll), "left over from a job that was %s", state)
	}
}

// A store finds organizations that another process enrolled.
func TestOrganizationsOfAnotherProcess(t *testing.T) {
	for name, d := range ways {
		t.Run(name, func(t *testing.T) {
			coll := memory(t, d)
			require.NoError(t, store(t, coll, d, nil).Create(t.Context(), newJob("a/b é", 1)))
			other := store(t, coll, d, nil)
			require.NoError(t, other.Create(t.Context(), newJob("a/b é", 2)))
			found, err := other.Organizations(t.Context(), "", 10)
			require.NoError(t, err)
			require.Equal(t, []string{"a/b é"}, found)
		})
	}
}
