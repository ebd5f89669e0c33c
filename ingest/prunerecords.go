package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/jobs"
)

// recordWalk walks the records in a state that were created before their retention began,
// organization by organization. Jobs that ended later are skipped.
type recordWalk struct {
	s            *Service
	state        jobs.State
	organization string // the current one
	cursor       string // in the organization's list; empty at the start
}

// firstID sorts before all job ids.
const firstID = "00000000-0000-0000-0000-000000000000"

func (w *recordWalk) step(ctx context.Context) (bool, error) {
	s := w.s
	if w.cursor == "" {
		orgs, err := s.back.Jobs.Organizations(ctx, w.organization, 1)
		if err != nil || len(orgs) == 0 {
			return true, err
		}
		w.organization = orgs[0]
		w.cursor = jobs.Cursor{CreatedAt: s.now().Add(-s.opts.Retention.records(w.state)), ID: firstID}.String()
	}
	page, err := s.back.Jobs.List(ctx, jobs.Query{OrganizationID: w.organization, State: w.state, Limit: prunePage, Cursor: w.cursor})
	if err != nil && !errors.Is(err, jobs.ErrRecord) { // listing jobs logs such records
		return true, err
	}
	all, err := s.pruneEach(ctx, len(page.Jobs), func(ctx context.Context, n int) error { return s.removeJob(ctx, page.Jobs[n]) })
	if all {
		w.cursor = page.Next
	}
	return false, err
}

// removeJob removes a job and all of its data, if its retention has passed. The record is
// removed last, so that it leads to what a crash leaves.
func (s *Service) removeJob(ctx context.Context, job *jobs.Job) error {
	job, err := s.markRemoved(ctx, job, s.recordOver)
	if job == nil || err != nil {
		return err
	}
	if job.Source != jobs.Adopted {
		if err := s.removeObject(ctx, job.Payload.Key, neverCame(job)); err != nil {
			return fmt.Errorf("remove the payload of job %s: %w", job.ID, err)
		}
	}
	if err := s.removeOutcomes(ctx, job); err != nil {
		return fmt.Errorf("remove the outcomes of job %s: %w", job.ID, err)
	}
	if job.State == jobs.Failed { // other jobs have none, unless a process was killed
		if err := s.removeStaged(ctx, job.OrganizationID, job.ID); err != nil {
			return fmt.Errorf("remove the parts of job %s: %w", job.ID, err)
		}
	}
	if err := s.back.Jobs.Delete(ctx, job); err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("delete the record of job %s: %w", job.ID, err)
	}
	s.removed(job, removedRecord)
	return nil
}

// markRemoved records that the payload is about to be removed, if over still holds for the
// stored job; otherwise it returns nil. Passing the job as listed saves a read.
func (s *Service) markRemoved(ctx context.Context, job *jobs.Job, over func(*jobs.Job, time.Time) bool) (*jobs.Job, error) {
	var stored *jobs.Job
	mark := func(j *jobs.Job) error {
		stored = j
		switch now := s.now(); {
		case !over(j, now):
			return jobs.ErrNotDue
		case !j.Payload.RemovedAt.IsZero():
			return errUnchanged
		default:
			return j.RemovePayload(now)
		}
	}
	err := mark(job)
	if err == nil {
		err = s.back.Jobs.Update(ctx, job)
		if errors.Is(err, jobs.ErrConflict) {
			job, err = jobs.Change(ctx, s.back.Jobs, job.ID, mark)
		}
	}
	switch {
	case errors.Is(err, errUnchanged):
		return stored, nil
	case err != nil:
		return nil, ignoreMoved(err)
	}
	return job, nil
}

// removeOutcomes removes a job's outcomes file. The record does not name the file of an
// earlier run, or of an attempt that could not record its end.
func (s *Service) removeOutcomes(ctx context.Context, job *jobs.Job) error {
	key := job.OutcomesKey
	if key == "" {
		if job.Run == 0 && job.Progress.Rejected == 0 {
			return nil
		}
		key = s.outcomesKey(job)
	}
	return s.removeObject(ctx, key, job.OutcomesKey == "")
}

// removeObject removes one of fhirdock's own objects, which may be gone. If it may never
// have existed, look first: a bucket with versions would keep a delete marker.
func (s *Service) removeObject(ctx context.Context, key string, unlikely bool) error {
	if unlikely {
		if _, err := s.blobs.Attributes(ctx, key); errors.Is(err, blobstore.ErrNotFound) {
			return nil
		}
	}
	if err := s.blobs.Delete(ctx, key); err != nil && !errors.Is(err, blobstore.ErrNotFound) {
		return err
	}
	return nil
}

// neverCame reports whether a job's upload was never seen.
func neverCame(job *jobs.Job) bool {
	return job.Source == jobs.PresignedUpload && job.StartedAt.IsZero() && job.State != jobs.Failed
}

// removed observes that something of a job was removed.
func (s *Service) removed(job *jobs.Job, what string) {
	s.opts.Observe(Event{Kind: EventRemoved, JobID: job.ID, Source: string(job.Source), State: string(job.State), Code: what})
}
