package objectstores_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore"
)

// RemoveAll removes all versions of the selected objects, and none of others.
func removals(t *testing.T, o *opened, has traits) {
	ctx := t.Context()
	write := func(key string, times int) {
		for range times {
			require.NoError(t, o.store.Bucket().WriteAll(ctx, key, []byte("12345"), nil))
		}
	}
	write("in/a/one.json", 3)
	write("in/a/two.json", 1)
	require.NoError(t, o.store.Bucket().Delete(ctx, "in/a/two.json")) // leaves a version and a delete marker
	write("in/a-1/one.json", 2)
	write("in/a/one.json.bak", 1)

	counted, err := o.store.RemoveAll(ctx, "in/a/", false, true)
	require.NoError(t, err)
	there, err := o.store.Bucket().Exists(ctx, "in/a/one.json")
	require.NoError(t, err)
	require.True(t, there, "a dry run removes nothing")
	if has.keepsOldVersions {
		require.Equal(t, blobstore.Removed{Objects: 6, Bytes: 25}, counted)
	} else {
		require.Equal(t, blobstore.Removed{Objects: 2, Bytes: 10}, counted)
	}
	one, err := o.store.RemoveAll(ctx, "in/a/one.json", true, false)
	require.NoError(t, err)
	require.Positive(t, one.Objects)
	there, err = o.store.Bucket().Exists(ctx, "in/a/one.json.bak")
	require.NoError(t, err)
	require.True(t, there, "only the prefix of its key matches")
	rest, err := o.store.RemoveAll(ctx, "in/a/", false, false)
	require.NoError(t, err)
	one.Add(rest)
	require.Equal(t, counted, one)
	left, err := o.store.RemoveAll(ctx, "in/a/", false, true)
	require.NoError(t, err)
	require.Zero(t, left, "a version is left")
	there, err = o.store.Bucket().Exists(ctx, "in/a-1/one.json")
	require.NoError(t, err)
	require.True(t, there)
	_, err = o.store.RemoveAll(ctx, "", false, false)
	require.ErrorIs(t, err, blobstore.ErrKey)
}
