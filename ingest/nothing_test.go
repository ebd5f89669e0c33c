package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// A file whose first 1,000 lines are all broken is given up, whatever the size of its
// batches and however often it is interrupted. It is not given up if one of them is valid,
// or if the handler rejects them.
func TestAFileWhoseFirstLinesAreAllBroken(t *testing.T) {
	const good = `{"resourceType":"Patient","id":"a"}` + "\n"
	for name, c := range map[string]struct {
		payload        string
		rejectAll      bool
		state          jobs.State
		done, rejected int64
	}{
		"all broken":           {strings.Repeat("x\n", 3000), false, jobs.Failed, 0, 1000},
		"with blank lines":     {strings.Repeat("x\n\n \n", 3000), false, jobs.Failed, 0, 1000},
		"a good one too late":  {strings.Repeat("x\n", 1000) + good, false, jobs.Failed, 0, 1000},
		"a good one in time":   {strings.Repeat("x\n", 999) + good + strings.Repeat("x\n", 2000), false, jobs.Completed, 1, 2999},
		"a good one first":     {good + strings.Repeat("x\n", 2000), false, jobs.Completed, 1, 2000},
		"fewer lines":          {strings.Repeat("x\n", 999), false, jobs.Failed, 0, 999},
		"rejected by handler":  {strings.Repeat(good, 2000), true, jobs.Failed, 0, 2000},
		"one such, the others": {strings.Repeat("x\n", 500) + good + strings.Repeat("x\n", 1500), true, jobs.Failed, 0, 2001},
	} {
		for _, batch := range []int{300, 5000} {
			for _, interrupted := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, batches of %d, interrupted %v", name, batch, interrupted), func(t *testing.T) {
					bucket := memblob.OpenBucket(nil)
					defer bucket.Close()
					var writes int
					p := ingesttest.NewWithOptions(t, &ingesttest.Options{
						Worker:  ingest.WorkerOptions{BatchResources: batch},
						Service: ingest.Options{MaxAttempts: 100},
						Bucket: faulttest.Bucket(bucket, func(_ context.Context, c faulttest.Call) faulttest.Fault {
							if !strings.HasPrefix(c.Key, "staging/outcomes/") || c.Kind != faulttest.BucketWrite {
								return faulttest.None
							}
							if writes++; interrupted && writes%2 == 1 {
								return faulttest.After
							}
							return faulttest.None
						}),
						Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
							for i := range b.Resources {
								if c.rejectAll {
									b.Reject(i, "business-rule", "Not this one")
								}
							}
							return nil
						}),
					})
					id := p.Client.Upload(t, ndjson, []byte(c.payload))
					job := p.WaitFor(t, id, func(j *jobs.Job) bool {
						if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
							p.Advance(t, 10*time.Minute)
						}
						return j.State.Finished()
					})
					require.Equal(t, c.state, job.State)
					require.Equal(t, c.done, job.Progress.Done)
					require.Equal(t, c.rejected, job.Progress.Rejected)
					if c.state == jobs.Failed {
						require.Equal(t, ingest.CodeNothingTaken, job.Failure.Code)
						require.Equal(t, c.rejected == 1000, strings.HasPrefix(job.Failure.Message, "The first 1000 lines of the file are all broken"))
					}
					require.Equal(t, interrupted, job.Attempt > 1)
				})
			}
		}
	}
}
