package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

func outcomesService(t *testing.T) *Service {
	t.Helper()
	bucket := memblob.OpenBucket(nil)
	topic, subscription, err := queue.NewLocal(nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = topic.Shutdown(context.Background())
		_ = subscription.Shutdown(context.Background())
		_ = bucket.Close() // may be closed already
	})
	s, err := New(Backends{Store: must(blobstore.New(bucket, nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &Options{NoUploads: true})
	require.NoError(t, err)
	return s
}

// keep keeps the rejections of the first batch with outcomes.
func keep(t *testing.T, s *Service, b *batch, earlier stage.Batches) {
	t.Helper()
	require.NoError(t, s.keepOutcomes(t.Context(), b, earlier, &jobs.Progress{}))
}

// A stale worker publishes outcomes after the worker that took over has completed the job
// and removed the parts: the file stays unchanged.
func TestOutcomesOfAStaleWorkerChangeNothing(t *testing.T) {
	s := outcomesService(t)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", Progress: jobs.Progress{Rejected: 2}}
	b := &batch{Batch: Batch{Job: job, End: 10, rejected: []Outcome{
		{Line: 1, Issues: []fhirbundle.Issue{}}, {Line: 2, Issues: []fhirbundle.Issue{}},
	}}}
	keep(t, s, b, nil)
	key, err := s.publishOutcomes(t.Context(), job)
	require.NoError(t, err)
	whole, err := s.blobs.Bucket().ReadAll(t.Context(), key)
	require.NoError(t, err)
	require.NotEmpty(t, whole)

	require.NoError(t, s.outcomes.Job(stageID(job)).Clear(t.Context()))
	again, err := s.publishOutcomes(t.Context(), job)
	require.NoError(t, err)
	require.Equal(t, key, again)
	after, err := s.blobs.Bucket().ReadAll(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(after))
}

// An attempt removes a batch's outcomes only if it has handed over that batch again and
// nothing was rejected. One that lost its job before the part was written leaves it alone,
// and so does one that has just begun.
func TestOutcomesOfARedeliveredBatch(t *testing.T) {
	s := outcomesService(t)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org"}
	parts := s.outcomes.Job(stageID(job))
	left := func() int {
		found, err := parts.From(t.Context(), 0)
		require.NoError(t, err)
		return len(found)
	}
	stale, err := parts.From(t.Context(), 10)
	require.NoError(t, err)
	rejected := &batch{Batch: Batch{Job: job, Start: 10, End: 20, rejected: []Outcome{{Line: 2, Issues: []fhirbundle.Issue{}}}}}
	keep(t, s, rejected, nil)
	none := &batch{Batch: Batch{Job: job, Start: 10, End: 20}}
	keep(t, s, none, stale)
	require.Equal(t, 1, left())
	later, err := parts.From(t.Context(), 11)
	require.NoError(t, err)
	require.Empty(t, later)
	again, err := parts.From(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, 1, left())
	keep(t, s, none, again)
	require.Equal(t, 0, left())
}

// Lost outcomes are reported: listed and missing ones add up to the number of rejected
// resources.
func TestLostOutcomesAreCounted(t *testing.T) {
	s := outcomesService(t)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", Progress: jobs.Progress{Rejected: 3}}
	parts := s.outcomes.Job(stageID(job))
	for i := range int64(3) {
		b := &batch{Batch: Batch{Job: job, Start: i, End: i + 1, rejected: []Outcome{{Line: i + 1, Issues: []fhirbundle.Issue{}}}}}
		keep(t, s, b, nil)
	}
	lines := func() (n, missing int) {
		key, err := s.publishOutcomes(t.Context(), job)
		require.NoError(t, err)
		raw, err := s.blobs.Bucket().ReadAll(t.Context(), key)
		require.NoError(t, err)
		for line := range bytes.Lines(raw) {
			var o Outcome
			require.NoError(t, json.Unmarshal(line, &o))
			if len(o.Issues) == 0 {
				n++
				continue
			}
			require.Equal(t, CodeOutcomesLost, o.Issues[0].Code)
			_, err := fmt.Sscanf(o.Issues[0].Message, "%d more", &missing)
			require.NoError(t, err)
		}
		return n, missing
	}
	list := func() (keys []string) {
		it := s.blobs.Bucket().List(&blob.ListOptions{Prefix: "staging/"})
		for {
			obj, err := it.Next(t.Context())
			if err == io.EOF {
				return keys
			}
			require.NoError(t, err)
			keys = append(keys, obj.Key)
		}
	}
	require.Len(t, list(), 3)
	raw, err := s.blobs.Bucket().ReadAll(t.Context(), list()[1])
	require.NoError(t, err)
	raw[len(raw)-3] ^= 1
	require.NoError(t, s.blobs.Bucket().WriteAll(t.Context(), list()[1], raw, nil))
	n, missing := lines()
	require.Equal(t, []int{2, 1}, []int{n, missing}, "one part is damaged")

	require.NoError(t, parts.Clear(t.Context()))
	n, missing = lines()
	require.Equal(t, []int{2, 1}, []int{n, missing}, "listed outcomes stay")
	require.NoError(t, s.blobs.Bucket().Delete(t.Context(), "outcomes/org/"+job.ID+".ndjson"))
	n, missing = lines()
	require.Equal(t, []int{0, 3}, []int{n, missing})
}

// Outcomes are in the order of the payload, whatever the order of rejection.
func TestOutcomesAreInOrder(t *testing.T) {
	s := outcomesService(t)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", Progress: jobs.Progress{Rejected: 3}}
	b := &batch{Batch: Batch{Job: job, End: 10, rejected: []Outcome{
		{Line: 2, Offset: 4, Issues: []fhirbundle.Issue{}}, {Line: 3, Offset: 8, Issues: []fhirbundle.Issue{}}, {Line: 1, Issues: []fhirbundle.Issue{}},
	}}}
	keep(t, s, b, nil)
	key, err := s.publishOutcomes(t.Context(), job)
	require.NoError(t, err)
	whole, err := s.blobs.Bucket().ReadAll(t.Context(), key)
	require.NoError(t, err)
	var lines []int64
	for line := range bytes.Lines(whole) {
		var o Outcome
		require.NoError(t, json.Unmarshal(line, &o))
		lines = append(lines, o.Line)
	}
	require.Equal(t, []int64{1, 2, 3}, lines)
}

// A run without rejections removes the file of an earlier run.
func TestOutcomesOfARunBefore(t *testing.T) {
	s := outcomesService(t)
	require.NoError(t, s.blobs.Bucket().WriteAll(t.Context(), "outcomes/org/j.ndjson", []byte("{}"), nil))
	job := &jobs.Job{ID: "j", OrganizationID: "org", Run: 1}
	for range 2 {
		key, err := s.publishOutcomes(t.Context(), job)
		require.NoError(t, err)
		require.Empty(t, key)
		there, err := s.blobs.Bucket().Exists(t.Context(), "outcomes/org/j.ndjson")
		require.NoError(t, err)
		require.False(t, there)
	}
}

// meanwhile calls a function after the first Get.
type meanwhile struct {
	jobs.Store
	do func()
}

func (m *meanwhile) Get(ctx context.Context, id string) (*jobs.Job, error) {
	job, err := m.Store.Get(ctx, id)
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return job, err
}

// Reading outcomes while the job completes returns the job's outcomes.
func TestOutcomesWhileTheJobCompletes(t *testing.T) {
	s := outcomesService(t)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", State: jobs.Processing, Progress: jobs.Progress{Rejected: 1}}
	require.NoError(t, s.back.Jobs.Create(t.Context(), job))
	b := &batch{Batch: Batch{Job: job, End: 10, rejected: []Outcome{{Line: 1, Issues: []fhirbundle.Issue{}}}}}
	keep(t, s, b, nil)
	s.back.Jobs = &meanwhile{Store: s.back.Jobs, do: func() {
		key, err := s.publishOutcomes(t.Context(), job)
		require.NoError(t, err)
		job.OutcomesKey, job.State = key, jobs.Completed
		require.NoError(t, s.back.Jobs.Update(t.Context(), job))
		require.NoError(t, s.outcomes.Job(stageID(job)).Clear(t.Context()))
	}}
	r, err := s.Outcomes(t.Context(), Caller{OrganizationID: "org"}, job.ID)
	require.NoError(t, err)
	defer r.Close()
	raw, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NotEmpty(t, raw)

	require.NoError(t, s.blobs.Bucket().Close())
	other := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", State: jobs.Processing}
	require.NoError(t, s.back.Jobs.Create(t.Context(), other))
	_, err = s.Outcomes(t.Context(), Caller{OrganizationID: "org"}, other.ID)
	require.ErrorIs(t, err, ErrUnavailable)
}

// An attempt is fresh only if there was no earlier one, however soon it follows: clocks may
// be coarse.
func TestFreshIsTheFirstClaimOnly(t *testing.T) {
	s := outcomesService(t)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s.opts.Now = func() time.Time { return now } // stands still
	w := &Worker{svc: s, name: "w", opts: WorkerOptions{Lease: time.Minute, BatchResources: 1, BatchBytes: 1}}
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", State: jobs.Accepted, MaxAttempts: 5, CreatedAt: now, DueAt: now}
	require.NoError(t, s.back.Jobs.Create(t.Context(), job))
	for _, want := range []bool{true, false} {
		found, err := w.next(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, want, found[0].fresh)
		_, err = jobs.Change(t.Context(), s.back.Jobs, job.ID, func(j *jobs.Job) error { return j.Release(now, found[0].claim()) })
		require.NoError(t, err)
	}
}

// refuse keeps and counts the outcomes of n more lines.
func refuse(t *testing.T, s *Service, job *jobs.Job, n int64) {
	t.Helper()
	for range n {
		at := job.Progress.Offset
		b := &batch{Batch: Batch{Job: job, Start: at, End: at + 1, rejected: []Outcome{{Line: at + 1, Issues: []fhirbundle.Issue{}}}}}
		keep(t, s, b, nil)
		job.Progress.Offset++
		job.Progress.Rejected++
	}
}

// A worker that was stopped for a long time, and does not know that it lost its lease,
// leaves a file alone that a later run, or its own run, has published since.
func TestOutcomesOfALaterAttemptStay(t *testing.T) {
	for name, stale := range map[string]jobs.Job{
		"of an earlier run":                       {Run: 1},
		"of an earlier run, with rejections":      {Run: 1, Progress: jobs.Progress{Rejected: 1}},
		"of the first run, with rejections":       {Run: 0, Progress: jobs.Progress{Rejected: 5}},
		"of the same run, before it had any":      {Run: 2},
		"of the same run, before it had them all": {Run: 2, Progress: jobs.Progress{Rejected: 1}},
		"of the same run, with all of them":       {Run: 2, Progress: jobs.Progress{Rejected: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := outcomesService(t)
			job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", Run: 2}
			refuse(t, s, job, 3)
			key, err := s.publishOutcomes(t.Context(), job)
			require.NoError(t, err)
			whole, err := s.blobs.Bucket().ReadAll(t.Context(), key)
			require.NoError(t, err)
			s.clearOutcomes(t.Context(), job)

			stale.ID, stale.OrganizationID = job.ID, job.OrganizationID
			if _, err := s.publishOutcomes(t.Context(), &stale); stale.Run < job.Run {
				require.ErrorIs(t, err, jobs.ErrLeaseLost)
			} else {
				require.NoError(t, err)
			}
			after, err := s.blobs.Bucket().ReadAll(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, string(whole), string(after))
		})
	}
}

// A failed job has published its rejections so far. Its redrive continues, and if the
// earlier parts were removed meanwhile, the file says that they are missing.
func TestOutcomesOfAFailureAreNotComplete(t *testing.T) {
	s := outcomesService(t)
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org"}
	refuse(t, s, job, 3)
	_, err := s.publishOutcomes(t.Context(), job)
	require.NoError(t, err)
	s.clearOutcomes(t.Context(), job)
	refuse(t, s, job, 2)
	key, err := s.publishOutcomes(t.Context(), job)
	require.NoError(t, err)
	raw, err := s.blobs.Bucket().ReadAll(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, 3, bytes.Count(raw, []byte("\n")))
	require.Contains(t, string(raw), "3 more resources were rejected")
}
