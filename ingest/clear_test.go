package ingest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
)

// silentStore answers the first so many reads only.
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

// A store that does not answer does not keep a worker from its other jobs.
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
			w.clear(ctx, job.ID)
			require.Less(t, time.Since(now), time.Minute)
		})
	}
}
