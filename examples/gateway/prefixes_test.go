//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Everything is stored where the flags say, also for an organization whose id is an OID.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	_, c := gateway(t, data, "-token", "dev=1.2.840.99:alice", "-prefix", "in", "-output-prefix", "out/lake",
		"-outcomes-prefix", "out/refused", "-staging-prefix", "parts")
	receipt, err := c.PostBundle(t.Context(), bundle("x"), -1)
	require.NoError(t, err)
	require.Equal(t, "completed", follow(t, c, receipt.JobID).Status)

	lines := `{"resourceType":"Patient","id":"a"}` + "\n" + `{"resourceType":"Patient"` + "\n"
	ticket, err := c.UploadURL(t.Context(), "application/ndjson", int64(len(lines)))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(ticket.Key, "in/1.2.840.99/"), ticket.Key)
	require.NoError(t, c.Upload(t.Context(), ticket, strings.NewReader(lines), int64(len(lines))))
	job := follow(t, c, ticket.UploadID)
	require.Equal(t, "completed", job.Status)
	require.EqualValues(t, 1, job.Progress.Rejected)

	for _, key := range []string{
		ticket.Key, "out/lake/1.2.840.99/" + receipt.JobID + "/Patient.ndjson", "out/lake/1.2.840.99/" + ticket.UploadID + "/Patient.ndjson",
		"out/refused/1.2.840.99/" + ticket.UploadID + ".ndjson",
	} {
		// A folder whose name has a dot ends in a tilde, so that no file can have its
		// name.
		file := filepath.FromSlash(strings.Replace(key, "1.2.840.99", "1.2.840.99~", 1))
		_, err := os.Stat(filepath.Join(data, "blobs", file))
		require.NoError(t, err)
	}
	found, err := os.ReadDir(filepath.Join(data, "blobs"))
	require.NoError(t, err)
	for _, folder := range found {
		require.Contains(t, []string{"in", "out", "parts", "alive"}, strings.TrimPrefix(folder.Name(), "."), "nothing is stored elsewhere")
	}
}
