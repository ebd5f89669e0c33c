package sink_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

func newLake(t *testing.T, bucket *blob.Bucket, opts *sink.LakeOptions) *sink.Lake {
	t.Helper()
	store, err := blobstore.New(bucket, nil)
	require.NoError(t, err)
	lake, err := sink.NewLake(store, opts)
	require.NoError(t, err)
	return lake
}

func TestInvalidLakeOptions(t *testing.T) {
	store, err := blobstore.New(memblob.OpenBucket(nil), nil)
	require.NoError(t, err)
	defer store.Close()
	for _, c := range []struct {
		opts sink.LakeOptions
		want string // empty: no error
	}{
		{sink.LakeOptions{}, ""},
		{sink.LakeOptions{Prefix: "staging/done"}, ""},
		{sink.LakeOptions{Prefix: "processed-2", Staging: "processed"}, ""},
		{sink.LakeOptions{Prefix: "/processed"}, "LakeOptions.Prefix"},
		{sink.LakeOptions{Prefix: "processed/"}, "LakeOptions.Prefix"},
		{sink.LakeOptions{Prefix: "a/../b"}, "LakeOptions.Prefix"},
		{sink.LakeOptions{Staging: "parts of it"}, "LakeOptions.Staging"},
		{sink.LakeOptions{Prefix: "staging"}, "overlap"},
		{sink.LakeOptions{Staging: "processed/parts"}, "overlap"},
		{sink.LakeOptions{Prefix: "a", Staging: "a"}, "overlap"},
	} {
		_, err := sink.NewLake(store, &c.opts)
		if c.want == "" {
			require.NoError(t, err, "%+v", c.opts)
		} else {
			require.ErrorContains(t, err, c.want, "%+v", c.opts)
		}
	}
	_, err = sink.NewLake(nil, nil)
	require.ErrorContains(t, err, "Store")
}
