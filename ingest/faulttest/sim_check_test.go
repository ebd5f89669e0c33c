package faulttest_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// checker is a store that checks each write against the guarantees. Writes are serialized,
// so that it sees the record before and after each.
type checker struct {
	w     *world
	mu    sync.Mutex
	inner jobs.Store
	// owners maps the lease owners in records to processes.
	owners map[string]string
}

// as returns the store as used by one process.
func (c *checker) as(process string) jobs.Store {
	return &checkedStore{Store: c.inner, c: c, process: process}
}

type checkedStore struct {
	jobs.Store // for reads
	c          *checker
	process    string
}

func (s *checkedStore) Create(ctx context.Context, job *jobs.Job) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	err := s.Store.Create(ctx, job)
	if err != nil {
		return err
	}
	if job.State != jobs.Accepted && job.State != jobs.AwaitingUpload {
		s.c.w.violation("job %s is created %s", job.ID, job.State)
	}
	s.c.checkDue(job)
	s.c.w.created(job.ID)
	return nil
}

func (s *checkedStore) Delete(ctx context.Context, job *jobs.Job) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	old, oldErr := s.Store.Get(context.WithoutCancel(ctx), job.ID)
	err := s.Store.Delete(ctx, job)
	if err != nil {
		return err
	}
	if oldErr != nil || job.Revision != old.Revision {
		s.c.w.violation("job %s is deleted at revision %d: %v", job.ID, job.Revision, oldErr)
		return nil
	}
	s.c.w.checkRemoved(old, s.process)
	return nil
}

func (s *checkedStore) Update(ctx context.Context, job *jobs.Job) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	old, oldErr := s.Store.Get(context.WithoutCancel(ctx), job.ID)
	from := job.Revision
	err := s.Store.Update(ctx, job)
	if err != nil {
		return err
	}
	switch {
	case oldErr != nil:
		s.c.w.violation("job %s is updated and can't be read: %v", job.ID, oldErr)
		return nil
	case from != old.Revision || job.Revision != old.Revision+1:
		s.c.w.violation("job %s: revision %d is updated by a change of revision %d to %d", job.ID, old.Revision, from, job.Revision)
	}
	now, err := s.Store.Get(context.WithoutCancel(ctx), job.ID)
	if err != nil {
		s.c.w.violation("job %s is updated and can't be read: %v", job.ID, err)
		return nil
	}
	s.c.checkChange(old, now, s.process)
	return nil
}

func (s *checkedStore) Next(ctx context.Context, q jobs.NextQuery) ([]*jobs.Job, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	was := map[string]*jobs.Job{}
	if claim := q.Claim; claim != nil {
		q.Claim = func(job *jobs.Job) error {
			was[job.ID] = job.Clone()
			return claim(job)
		}
	}
	next, err := s.Store.Next(ctx, q)
	for _, job := range next {
		if old := was[job.ID]; old != nil {
			s.c.checkChange(old, job.Clone(), s.process)
		}
	}
	return next, err
}

// edges are the allowed changes of state; a state may always be kept, except for final
// ones.
var edges = map[jobs.State][]jobs.State{
	jobs.AwaitingUpload: {jobs.AwaitingUpload, jobs.Accepted, jobs.Expired, jobs.Failed, jobs.Cancelled},
	jobs.Expired:        {jobs.Expired, jobs.Accepted, jobs.Failed},
	jobs.Accepted:       {jobs.Accepted, jobs.Processing, jobs.Failed, jobs.Cancelled},
	jobs.Processing:     {jobs.Processing, jobs.Accepted, jobs.Completed, jobs.Failed, jobs.Cancelled},
	jobs.Completed:      {jobs.Accepted},
	jobs.Failed:         {jobs.Accepted, jobs.Cancelled},
	jobs.Cancelled:      {jobs.Cancelled}, // when cleared away
}

// startsOver reports whether a job is given back to start again at its first batch, or has
// failed when it would have been. A job that is released, or rescued, keeps the failure of
// an earlier attempt.
func startsOver(old, now *jobs.Job) bool {
	ended := now.State == jobs.Accepted || now.State == jobs.Failed && now.InVain() == now.MaxAttempts
	return old.State == jobs.Processing && ended && now.Failure != nil && now.Failure.Code == "parts-lost" &&
		(old.Failure == nil || !now.Failure.At.Equal(old.Failure.At))
}

func (c *checker) checkChange(old, now *jobs.Job, process string) {
	bad := func(format string, args ...any) {
		c.w.violation("%s changes job %s from %s (attempt %d, run %d) to %s (attempt %d, run %d): "+format,
			append([]any{process, old.ID, old.State, old.Attempt, old.Run, now.State, now.Attempt, now.Run}, args...)...)
	}
	switch {
	case old.State.Finished() && !now.Payload.RemovedAt.IsZero() && c.w.checkPayloadRemoval(old, now, process):
		return
	case !old.Payload.RemovedAt.IsZero() && now.State == jobs.Accepted:
		bad("its payload was removed")
	}
	allowed := false
	for _, to := range edges[old.State] {
		allowed = allowed || to == now.State
	}
	if !allowed {
		bad("this change of state is not allowed")
	}
	redriven := (old.State == jobs.Completed || old.State == jobs.Failed) && now.State == jobs.Accepted
	claimed := now.State == jobs.Processing && (old.State != jobs.Processing || old.LeaseOwner != now.LeaseOwner)

	switch {
	case redriven && (old.State == jobs.Completed || old.Failure.Restart):
		if now.Run != old.Run+1 || now.Progress != (jobs.Progress{}) {
			bad("the redrive of a job that completed, or whose resources were all rejected, starts a new run")
		}
	case now.Run != old.Run:
		bad("the run must not change")
	case startsOver(old, now):
		// The kept parts of its batches could not be read to their end, twice.
		if now.Progress != (jobs.Progress{}) {
			bad("a job that starts over keeps its progress: %+v", now.Progress)
		}
	case now.Progress.Done < old.Progress.Done, now.Progress.Rejected < old.Progress.Rejected, now.Progress.Offset < old.Progress.Offset,
		now.Progress.Entries < old.Progress.Entries, now.Progress.Lines < old.Progress.Lines:
		bad("progress goes back from %+v to %+v", old.Progress, now.Progress)
	}
	switch {
	case redriven && now.Attempt == 0:
	case claimed && now.Attempt == old.Attempt+1:
	case old.State == jobs.Processing && now.State == jobs.Accepted && now.Attempt == old.Attempt-1: // given back
	case now.Attempt != old.Attempt || claimed:
		bad("the attempt must not change like that")
	}
	if now.InVain() > now.MaxAttempts {
		bad("there are %d attempts without progress", now.MaxAttempts)
	}
	if now.Run == old.Run && now.Furthest.Offset < old.Furthest.Offset {
		bad("it had come as far as %d, not %d", old.Furthest.Offset, now.Furthest.Offset)
	}

	// A process claims or rescues by its own clock, which is recorded.
	if old.State == jobs.Processing && now.UpdatedAt.Before(old.DueAt) {
		mine := c.owners[old.LeaseOwner] == process
		if claimed || !mine && now.State != jobs.Cancelled {
			bad("the lease of %s lasts until %s, and it is only %s", old.LeaseOwner, clock(old.DueAt), clock(now.UpdatedAt))
		}
	}
	if claimed {
		c.owners[now.LeaseOwner] = process
	}
	// Changes that only the holder of the lease may make.
	if c.owners[old.LeaseOwner] != process && (now.State == jobs.Completed || !redriven && now.Progress != old.Progress) {
		bad("the lease belongs to %q", old.LeaseOwner)
	}
	if old.LeaseOwner != "" && now.LeaseOwner == old.LeaseOwner && c.owners[now.LeaseOwner] != process && old.State == jobs.Processing {
		bad("the lease belongs to %q", old.LeaseOwner)
	}
	if (now.LeaseOwner != "") != (now.State == jobs.Processing) {
		bad("the lease belongs to %q", now.LeaseOwner)
	}
	c.checkDue(now)
	if !strings.HasPrefix(now.Payload.Key, "incoming/fhir/"+now.OrganizationID+"/") || now.Payload.Key != old.Payload.Key {
		bad("the payload is %s", now.Payload.Key)
	}
}

// checkDue checks that every unfinished job is due at some time, and a finished one only
// while there is something left to do.
func (c *checker) checkDue(j *jobs.Job) {
	switch {
	case !j.State.Finished() && j.DueAt.IsZero():
		c.w.violation("job %s is %s but never due", j.ID, j.State)
	case (j.State == jobs.Completed || j.State == jobs.Failed) && !j.DueAt.IsZero():
		c.w.violation("job %s is %s and due", j.ID, j.State)
	case j.State.Finished() != !j.FinishedAt.IsZero():
		c.w.violation("job %s is %s and finished at %s", j.ID, j.State, j.FinishedAt)
	}
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
