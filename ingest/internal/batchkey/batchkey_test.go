package batchkey_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/internal/batchkey"
	"github.com/fhirdock/fhirdock/jobs"
)

func TestParse(t *testing.T) {
	job := &jobs.Job{ID: jobs.NewID(), Run: 12}
	for _, prefix := range []string{"", "lab:", "a.b/c-d.", "x"} {
		id, run, ok := batchkey.Parse(prefix + batchkey.Format(job, 0, 8<<20))
		require.True(t, ok, prefix)
		require.Equal(t, job.ID, id)
		require.Equal(t, 12, run)
	}
}

func TestParseOtherKeys(t *testing.T) {
	id := jobs.NewID()
	for _, key := range []string{
		"", "x", "/", id, id + ".0", id + ".0/1", id + ".0/1-", id + ".0/-1-2", id + ".x/1-2", id + "/1-2", id + "./1-2",
		id[1:] + ".0/1-2", "z" + id[1:] + ".0/1-2", "job-1.0/0-120",
	} {
		_, _, ok := batchkey.Parse(key)
		require.False(t, ok, key)
	}
}
