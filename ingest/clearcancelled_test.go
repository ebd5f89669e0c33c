package ingest

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/internal/stage"
	"github.com/fhirdock/fhirdock/jobs"
)

// silentStore answers only a number of reads.
type silentStore struct {
	jobs.Store
	answers int
}

func (s *silentStore) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if s.answers--; s.answers < 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Get(ctx, id)
}

// A worker gives up on a store that hangs, and turns to its other jobs.
func TestClearingGivesUpOnAStoreThatHangs(t *testing.T) {
	for answers := range 2 {
		synctest.Test(t, func(t *testing.T) {
			s := outcomesService(t)
			store := &silentStore{Store: s.back.Jobs, answers: answers}
			s.back.Jobs = store
			now := s.now()
			job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", State: jobs.Cancelled, DueAt: now, NotBefore: now}
			require.NoError(t, store.Create(t.Context(), job))
			w := &Worker{svc: s, handler: HandlerFunc(func(context.Context, *Batch) error { return nil })}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			w.clear(ctx, job)
			require.Less(t, time.Since(now), time.Minute)
		})
	}
}

// If clearing is interrupted after any of its steps, the next one completes it.
func TestInterruptedClearing(t *testing.T) {
	for fail := range 2 {
		s := outcomesService(t)
		now := s.now()
		id := jobs.NewID()
		job := &jobs.Job{ID: id, OrganizationID: "org", State: jobs.Cancelled, DueAt: now, NotBefore: now,
			Progress: jobs.Progress{Rejected: 1}, OutcomesKey: "outcomes/org/" + id + ".ndjson"}
		require.NoError(t, s.back.Jobs.Create(t.Context(), job))
		parts := s.outcomes.Job(stageID(job))
		require.NoError(t, parts.Put(t.Context(), 0, 1, []stage.Section{{Name: outcomesSection, Count: 1, Data: []byte("{}\n")}}))
		_, err := s.publishOutcomes(t.Context(), job) // it failed before it was cancelled
		require.NoError(t, err)
		store := &failingStore{Store: s.back.Jobs, fail: fail}
		s.back.Jobs = store
		w := &Worker{svc: s, handler: HandlerFunc(func(context.Context, *Batch) error { return nil })}
		for range 2 {
			there, err := s.back.Jobs.Get(t.Context(), job.ID)
			require.NoError(t, err)
			if !there.DueAt.IsZero() {
				w.clear(t.Context(), there)
			}
			r, err := s.Outcomes(t.Context(), Caller{OrganizationID: "org"}, job.ID)
			require.NoError(t, err)
			raw, err := io.ReadAll(r)
			require.NoError(t, errors.Join(err, r.Close()))
			require.Empty(t, raw)
		}
		got, err := store.Get(t.Context(), job.ID)
		require.NoError(t, err)
		require.True(t, got.DueAt.IsZero())
		require.Empty(t, got.OutcomesKey)
		_, err = s.blobs.Bucket().List(nil).Next(t.Context())
		require.ErrorIs(t, err, io.EOF)
	}
}

// failingStore fails one update.
type failingStore struct {
	jobs.Store
	fail int
}

func (s *failingStore) Update(ctx context.Context, job *jobs.Job) error {
	if s.fail--; s.fail == -1 {
		return errors.New("away")
	}
	return s.Store.Update(ctx, job)
}

// Nothing of a cancelled job is removed while its lease lasts: its worker may still write.
func TestClearingWaitsForTheEndOfTheLease(t *testing.T) {
	s := outcomesService(t)
	now := s.now()
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "org", State: jobs.Processing, StartedAt: now, DueAt: now.Add(time.Minute)}
	require.NoError(t, job.Cancel(now))
	require.NoError(t, s.back.Jobs.Create(t.Context(), job))
	parts := s.outcomes.Job(stageID(job))
	require.NoError(t, parts.Put(t.Context(), 0, 1, []stage.Section{{Name: outcomesSection, Count: 1, Data: []byte("{}\n")}}))
	w, err := NewWorker(s, HandlerFunc(func(context.Context, *Batch) error { return nil }), nil)
	require.NoError(t, err)
	s.opts.Now = func() time.Time { return now.Add(59 * time.Second) }
	found, err := w.prefer(t.Context(), job.ID)
	require.NoError(t, err)
	require.Empty(t, found)
	index, err := parts.Index(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, index.Count(outcomesSection))
	s.opts.Now = func() time.Time { return now.Add(time.Minute) }
	found, err = w.prefer(t.Context(), job.ID)
	require.NoError(t, err)
	require.Len(t, found, 1)
	again, err := w.next(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, again, "it is being cleared away")
	_, err = w.work(t.Context(), found[0], nil)
	require.NoError(t, err)
	index, err = parts.Index(t.Context())
	require.NoError(t, err)
	require.Zero(t, index.Count(outcomesSection))
}
