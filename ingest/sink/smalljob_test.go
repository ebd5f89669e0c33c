package sink_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A small job takes five inodes in a folder: the payload and its attributes, the folder of
// its outputs, one file for each type, and the manifest. Nothing remains in staging.
func TestInodesOfASmallJob(t *testing.T) {
	dir := t.TempDir()
	bucket, err := dirblob.OpenBucket(dir, nil)
	require.NoError(t, err)
	defer bucket.Close()
	lake := newLake(t, bucket, nil)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Bucket: bucket, Handler: lake})
	send := func() {
		id := p.Client.PostBundle(t, []byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`)).JobID
		require.Equal(t, jobs.Completed, p.Wait(t, id).State)
	}
	count := func() (n int) {
		require.NoError(t, filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
			n++
			require.False(t, strings.Contains(name, "staging"), name)
			return err
		}))
		return n
	}
	send() // creates the folders of the day and of the organization
	before := count()
	const sent = 10
	for range sent {
		send()
	}
	require.Equal(t, 5*sent, count()-before)
}
