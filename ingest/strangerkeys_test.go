package ingest_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// The names of adopted files may be names of patients: they are not logged, even if the
// bucket fails with an error that contains the key.
func TestNamesOfAdoptedFilesAreNotLogged(t *testing.T) {
	const key = "drop/test-org/Müller Anna.ndjson"
	for _, kind := range []faulttest.Kind{faulttest.BucketAttributes, faulttest.BucketOpen, faulttest.BucketRead} {
		t.Run(string(kind), func(t *testing.T) {
			bucket := memblob.OpenBucket(nil)
			defer bucket.Close()
			var failed atomic.Int32
			p := adopting(t, func(o *ingesttest.Options) {
				o.Bucket = faulttest.Bucket(bucket, func(_ context.Context, c faulttest.Call) faulttest.Fault {
					if c.Kind == kind && strings.HasPrefix(c.Key, "drop/") && failed.Add(1) <= 2 {
						return faulttest.Before
					}
					return faulttest.None
				})
			})
			put(t, p, key, "application/fhir+ndjson", numbered(2))
			for range 3 {
				err := p.Service.ObjectCreated(t.Context(), created(key))
				if err != nil {
					require.NotContains(t, err.Error(), "Anna")
				}
			}
			all := adopted(t, p, "test-org")
			require.Len(t, all, 1)
			job := p.WaitFor(t, all[0].ID, func(j *jobs.Job) bool {
				if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
					p.Advance(t, 10*time.Minute)
				}
				return j.State.Finished()
			})
			require.Equal(t, jobs.Completed, job.State)
			require.Greater(t, failed.Load(), int32(1))
			require.NotContains(t, p.Logs(), "Anna")
			require.True(t, slices.ContainsFunc(p.Events(), func(e ingest.Event) bool { return e.Kind == ingest.EventFinished }))
		})
	}
}
