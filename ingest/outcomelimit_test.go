package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// brokenLines is one valid line and n broken ones.
func brokenLines(n int) []byte {
	return append([]byte(`{"resourceType":"Patient","id":"a"}`+"\n"), strings.Repeat("x\n", n)...)
}

// listedOutcomes reads a job's outcomes file: the lines that list a resource, and the
// message of the last line if it counts unlisted ones.
func listedOutcomes(t *testing.T, bucket *blob.Bucket, job *jobs.Job) (raw []byte, listed []ingest.Outcome, last string) {
	t.Helper()
	require.NotEmpty(t, job.OutcomesKey)
	raw, err := bucket.ReadAll(t.Context(), job.OutcomesKey)
	require.NoError(t, err)
	for line := range bytes.Lines(raw) {
		require.Empty(t, last, "only the last line counts unlisted outcomes")
		var o ingest.Outcome
		require.NoError(t, json.Unmarshal(line, &o))
		if o.Issues[0].Code == ingest.CodeOutcomesLimit {
			last = o.Issues[0].Message
			continue
		}
		listed = append(listed, o)
	}
	return raw, listed, last
}

// Two bytes of a payload can make 200 bytes of outcomes: the list is bounded by count and
// by bytes, and the last line counts the rest.
func TestOutcomesAreBounded(t *testing.T) {
	const broken = 5000
	for name, c := range map[string]struct {
		limits ingest.Options
		listed int // 0: some
	}{
		"by count":            {ingest.Options{MaxOutcomes: 123}, 123},
		"by bytes":            {ingest.Options{MaxOutcomeBytes: 20_000}, 0},
		"by neither":          {ingest.Options{}, broken},
		"at the very limit":   {ingest.Options{MaxOutcomes: broken}, broken},
		"by count, the first": {ingest.Options{MaxOutcomes: 1, MaxOutcomeBytes: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := memblob.OpenBucket(nil)
			defer bucket.Close()
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{
				Bucket: bucket, Service: c.limits, Worker: ingest.WorkerOptions{BatchResources: 100},
			})
			id := p.Client.Upload(t, ndjson, brokenLines(broken))
			job := p.Wait(t, id)
			require.Equal(t, jobs.Completed, job.State)
			require.EqualValues(t, broken, job.Progress.Rejected)
			raw, listed, last := listedOutcomes(t, bucket, job)
			require.EqualValues(t, len(listed), job.Progress.Listed)
			for i := range listed {
				require.EqualValues(t, i+2, listed[i].Line, "the first ones are listed")
			}
			if c.listed > 0 {
				require.Len(t, listed, c.listed)
			} else {
				require.NotEmpty(t, listed)
				require.Less(t, len(raw), 20_000+1000)
			}
			if missing := broken - len(listed); missing > 0 {
				require.True(t, strings.HasPrefix(last, fmt.Sprintf("%d more resources were rejected; they are not listed", missing)), last)
			} else {
				require.Empty(t, last)
			}
		})
	}
}

// The outcomes file does not depend on how often a job is interrupted, or on the resources
// that its handler rejects.
func TestBoundedOutcomesOfAnInterruptedJob(t *testing.T) {
	run := func(t *testing.T, interrupt func(call int) bool) []byte {
		bucket := memblob.OpenBucket(nil)
		defer bucket.Close()
		var calls int
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Bucket:  bucket,
			Service: ingest.Options{MaxOutcomes: 50, MaxOutcomeBytes: 7000, MaxAttempts: 100},
			Worker:  ingest.WorkerOptions{BatchResources: 7},
			Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
				for i := range b.Resources {
					if b.Resources[i].Line%3 == 0 {
						b.Reject(i, "business-rule", "Not this one")
					}
				}
				if calls++; interrupt(calls) {
					return errors.New("away")
				}
				return nil
			}),
		})
		var payload []byte
		for i := range 100 {
			payload = append(payload, numbered(1)...)
			if i%4 == 0 {
				payload = append(payload, "x\n"...)
			}
		}
		id := p.Client.Upload(t, ndjson, payload)
		job := p.WaitFor(t, id, func(j *jobs.Job) bool {
			if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
				p.Advance(t, 10*time.Minute)
			}
			return j.State.Finished()
		})
		require.Equal(t, jobs.Completed, job.State)
		raw, listed, last := listedOutcomes(t, bucket, job)
		require.NotEmpty(t, listed)
		require.NotEmpty(t, last)
		require.EqualValues(t, len(listed), job.Progress.Listed)
		var missing int64
		_, err := fmt.Sscanf(last, "%d more", &missing)
		require.NoError(t, err)
		require.Equal(t, job.Progress.Rejected, int64(len(listed))+missing)
		require.Equal(t, []string{job.OutcomesKey}, keysBelow(t.Context(), bucket, "outcomes"))
		// Its parts are removed after the record says that it is done.
		require.Eventually(t, func() bool { return len(keysBelow(t.Context(), bucket, "staging")) == 0 }, 10*time.Second, 2*time.Millisecond)
		return raw
	}
	undisturbed := run(t, func(int) bool { return false })
	for _, every := range []int{2, 3, 5} {
		require.Equal(t, string(undisturbed), string(run(t, func(call int) bool { return call%every == 0 })))
	}
}

// A line can have a hundred findings; its outcome has ten, with an error among them.
func TestAnOutcomeHasFewIssues(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Service: ingest.Options{Level: fhirbundle.LevelStrict}})
	line := []byte(`{"resourceType":"Patient","id":"b","name":[` + strings.Repeat(`{"family":""},`, 99) + `{"family":""}]}` + "\n")
	id := p.Client.Upload(t, ndjson, append(brokenLines(0), line...))
	job := p.Wait(t, id)
	_, listed, _ := listedOutcomes(t, p.Bucket, job)
	require.Len(t, listed, 1)
	require.Len(t, listed[0].Issues, 10)
	var failed bool
	for _, is := range listed[0].Issues {
		failed = failed || is.Severity == fhirbundle.SeverityError
	}
	require.True(t, failed)
}
