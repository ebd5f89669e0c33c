package docjobs

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore/memdocstore"
)

// drop does not delete an item that was rewritten after it was read.
func TestDropKeepsRewrittenItem(t *testing.T) {
	coll, err := memdocstore.OpenCollection(KeyField, nil)
	require.NoError(t, err)
	defer coll.Close()
	s, err := Open(t.Context(), coll, memoryOfItems, nil)
	require.NoError(t, err)
	require.NoError(t, s.place(t.Context(), &item{ID: "Line 0", Sort: "x", Revision: 1}))
	read := func() *item {
		it := &item{ID: "Line 0"}
		require.NoError(t, coll.Get(t.Context(), it))
		return it
	}
	was := read()
	require.NoError(t, s.place(t.Context(), &item{ID: "Line 0", Sort: "x", Revision: 2}))
	s.drop(t.Context(), was)
	now := read()
	require.EqualValues(t, 2, now.Revision)
	s.drop(t.Context(), now)
	require.Error(t, coll.Get(t.Context(), &item{ID: "Line 0"}))
}
