package faulttest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
)

// variant is a pipeline, possibly with a planted defect.
type variant struct {
	name   string
	store  func(jobs.Store) jobs.Store // below the checks
	seen   func(jobs.Store) jobs.Store // as one process sees it
	noKeys bool                        // the sink ignores batch keys
	lazy   bool                        // the sink returns nil and has no effects
	poll   time.Duration               // WorkerOptions.PollInterval
	keep   func(*ingest.Retention)     // changes the world's retention
}

var sound = variant{name: "nothing is wrong"}

// TestPlanted shows that the simulation finds defects: a few seeds catch each of these
// pipelines.
func TestPlanted(t *testing.T) {
	const seeds = 200
	for _, v := range []variant{
		{name: "an update ignores the revision", store: func(s jobs.Store) jobs.Store { return blindStore{s} }},
		{name: "a store acknowledges before it has stored", store: func(s jobs.Store) jobs.Store { return lossyStore{s} }},
		{name: "a worker does not see that its lease is lost", seen: func(s jobs.Store) jobs.Store { return &stubbornStore{Store: s, mine: map[string]*jobs.Job{}} }},
		{name: "a lease is taken before it ends", seen: func(s jobs.Store) jobs.Store { return hastyStore{s} }},
		{name: "a claim does not count as an attempt", seen: changing(func(j *jobs.Job) {
			if j.State == jobs.Processing && j.Attempt > 1 {
				j.Attempt--
			}
		})},
		{name: "a retry begins at the start", seen: changing(func(j *jobs.Job) {
			if j.State == jobs.Accepted {
				j.Progress = jobs.Progress{}
			}
		})},
		{name: "a sweeper forgets the due time", seen: changing(func(j *jobs.Job) {
			if j.State == jobs.Accepted {
				j.DueAt = time.Time{}
			}
		})},
		{name: "jobs of dead workers are not rescued", seen: func(s jobs.Store) jobs.Store { return heartlessStore{s} }},
		{name: "workers never poll", poll: 10000 * time.Hour},
		{name: "a redrive of a completed job keeps its run", seen: changing(func(j *jobs.Job) { j.Run = 0 })},
		{name: "a sink without batch keys", noKeys: true},
		{name: "the record of a job is removed before its payload", seen: func(s jobs.Store) jobs.Store { return removing{s, removing.recordFirst} }},
		{name: "an outcomes file is forgotten when the record is removed", seen: func(s jobs.Store) jobs.Store { return removing{s, removing.forgetOutcomes} }},
		{name: "a payload is removed, and the record does not say so", seen: func(s jobs.Store) jobs.Store { return removing{s, removing.unmarked} }},
		{name: "failed jobs are removed like completed ones", keep: func(r *ingest.Retention) {
			if r.Failed == 0 {
				r.Failed = r.Completed
			}
		}},
		{name: "jobs are removed before their time", keep: func(r *ingest.Retention) { r.Completed /= 2 }},
		{name: "payloads are never removed", keep: func(r *ingest.Retention) { r.Payloads, r.Outcomes = 0, 0 }},
		{name: "parts are never removed", keep: func(r *ingest.Retention) { r.Staging = 0 }},
		{name: "a sink acknowledges and does nothing", lazy: true},
	} {
		t.Run(v.name, func(t *testing.T) {
			var found []string
			seed := uint64(0)
			for len(found) == 0 && seed < seeds {
				seed++
				simulate(t, seed, v, func(w *world) { found = w.violations() })
			}
			require.NotEmpty(t, found, "%d seeds did not find it", seeds)
			t.Logf("seed %d: %s", seed, found[0])
		})
	}
}

// blindStore overwrites any revision.
type blindStore struct{ jobs.Store }

func (s blindStore) Update(ctx context.Context, job *jobs.Job) error {
	err := s.Store.Update(ctx, job)
	for errors.Is(err, jobs.ErrConflict) {
		there, getErr := s.Get(ctx, job.ID)
		if getErr != nil {
			return getErr
		}
		job.Revision = there.Revision
		err = s.Store.Update(ctx, job)
	}
	return err
}

// lossyStore keeps three of four jobs.
type lossyStore struct{ jobs.Store }

func (s lossyStore) Create(ctx context.Context, job *jobs.Job) error {
	if job.ID[0] < '4' {
		job.Revision = 1
		return nil
	}
	return s.Store.Create(ctx, job)
}

// stubbornStore shows a worker its own claim even after it was lost.
type stubbornStore struct {
	jobs.Store
	mu   sync.Mutex
	mine map[string]*jobs.Job
}

func (s *stubbornStore) Get(ctx context.Context, id string) (*jobs.Job, error) {
	job, err := s.Store.Get(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.mine[id]; err == nil && was != nil {
		job.State, job.LeaseOwner, job.Attempt = was.State, was.LeaseOwner, was.Attempt
	}
	return job, err
}

func (s *stubbornStore) Update(ctx context.Context, job *jobs.Job) error {
	err := s.Store.Update(ctx, job)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && job.State == jobs.Processing {
		s.mine[job.ID] = job.Clone()
	} else if err == nil {
		delete(s.mine, job.ID)
	}
	return err
}

// hastyStore shows leases as ended before their time.
type hastyStore struct{ jobs.Store }

func (s hastyStore) Get(ctx context.Context, id string) (*jobs.Job, error) {
	job, err := s.Store.Get(ctx, id)
	if err == nil && job.State == jobs.Processing {
		job.DueAt = job.DueAt.Add(-lease)
	}
	return job, err
}

// heartlessStore hides ended leases.
type heartlessStore struct{ jobs.Store }

func (s heartlessStore) Due(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
	all, err := s.Store.Due(ctx, now, limit)
	var due []*jobs.Job
	for _, job := range all {
		if job.State != jobs.Processing {
			due = append(due, job)
		}
	}
	return due, err
}

// changing returns a store that changes the jobs written to it.
func changing(change func(*jobs.Job)) func(jobs.Store) jobs.Store {
	return func(s jobs.Store) jobs.Store { return changingStore{s, change} }
}

type changingStore struct {
	jobs.Store
	change func(*jobs.Job)
}

func (s changingStore) Update(ctx context.Context, job *jobs.Job) error {
	s.change(job)
	return s.Store.Update(ctx, job)
}

// removing breaks the removal of a job when its payload is marked as removed.
type removing struct {
	jobs.Store
	mark func(s removing, ctx context.Context, job *jobs.Job) error
}

func (s removing) Update(ctx context.Context, job *jobs.Job) error {
	if job.State.Finished() && job.State != jobs.Cancelled && !job.Payload.RemovedAt.IsZero() {
		return s.mark(s, ctx, job)
	}
	return s.Store.Update(ctx, job)
}

func (s removing) recordFirst(ctx context.Context, job *jobs.Job) error {
	if err := s.Store.Update(ctx, job); err != nil {
		return err
	}
	return s.Delete(ctx, job)
}

func (s removing) forgetOutcomes(ctx context.Context, job *jobs.Job) error {
	err := s.Store.Update(ctx, job)
	job.OutcomesKey, job.Run, job.Progress.Rejected = "", 0, 0 // only for the caller, not in the record
	return err
}

func (removing) unmarked(context.Context, *jobs.Job) error { return nil }
