package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/jobs"
)

// Eraser is a [Handler] that can remove its outputs.
type Eraser interface {
	// Erase removes everything that was made of an organization's payloads, or of one job
	// if jobID is not empty: outputs, and data kept until the job's end. It returns what
	// it removed; with dryRun it only counts. It may be called again; data that is already
	// gone is no error.
	Erase(ctx context.Context, organizationID, jobID string, dryRun bool) (blobstore.Removed, error)
}

// EraseRequest selects what to erase.
type EraseRequest struct {
	// OrganizationID is required.
	OrganizationID string
	// JobID erases one job. Empty: the whole organization.
	JobID string
	// Handler whose outputs are erased too, if it is an [Eraser]. Default: none; outputs
	// stay.
	Handler Handler
	// DryRun only counts.
	DryRun bool
}

// Erased is what one call of [Service.Erase] did, or would do with DryRun.
type Erased struct {
	// Jobs is how many jobs were erased, and Cancelled how many of them had not finished.
	Jobs, Cancelled int64
	// Stored counts the payloads, outcomes files and parts that were removed, each version
	// on its own. Outputs counts what the handler removed.
	Stored, Outputs blobstore.Removed
	// Tickets are upload URLs that were still valid. The record of each stays until
	// TicketsUntil at the latest, with nothing in it but the object's key. An upload to
	// it until then is removed.
	Tickets      int64
	TicketsUntil time.Time
	// Unreached describes places that may hold more data and that Erase can't reach.
	Unreached []string
}

// errStillSending is returned if new jobs came as fast as they were erased.
var errStillSending = &Error{Kind: ErrInFlight, Message: "The organization is still sending; revoke its credentials and erase again"}

// erasePasses is how often Erase starts over because new jobs came in meanwhile.
const erasePasses = 3

// Erase removes one job, or an organization with all of its jobs: records, payloads,
// outcomes and parts, including those that no job refers to; every version of the
// objects, if the bucket's driver gives access to them; and the outputs of a handler that
// is an [Eraser]. It can't be undone.
//
// Erase cancels jobs that are not finished, and then waits until no worker can write for
// them any more, which takes up to a lease ([WorkerOptions.Lease]). Revoke the
// organization's credentials first: while it sends, Erase fails with ErrInFlight.
//
// After an error, or if the process died, call Erase again: records are removed last, so
// it continues where it stopped. The caller decides who may erase.
//
// Errors: ErrForbidden for an invalid organization, ErrNotFound, ErrInFlight,
// ErrUnavailable, or ctx's error. The work done so far is returned with the error.
func (s *Service) Erase(ctx context.Context, req EraseRequest) (*Erased, error) {
	if err := (Caller{OrganizationID: req.OrganizationID}).check(); err != nil {
		return &Erased{}, err
	}
	e := &erasure{s: s, req: req, done: &Erased{Unreached: s.unreached(req)}}
	err := e.run(ctx)
	if err == nil && !req.DryRun {
		what := "organization"
		if req.JobID != "" {
			what = "job"
		}
		s.opts.Observe(Event{Kind: EventErased, JobID: req.JobID, Code: what, Resources: e.done.Jobs, Bytes: e.done.Stored.Bytes + e.done.Outputs.Bytes})
		s.opts.Logger.InfoContext(ctx, "erased", "organization", req.OrganizationID, "job", req.JobID, "jobs", e.done.Jobs,
			"objects", e.done.Stored.Objects, "outputs", e.done.Outputs.Objects, "tickets", e.done.Tickets)
	}
	return e.done, err
}

// unreached describes what Erase can't reach.
func (s *Service) unreached(req EraseRequest) []string {
	all := []string{
		"backups of the bucket and of the job store",
		"copies that others made of outputs or queue messages",
		"logs, which name the organization and its jobs",
	}
	if _, ok := req.Handler.(Eraser); !ok {
		all = append(all, "the outputs of the handler")
	}
	if !s.blobs.RemovesVersions() {
		all = append(all, "versions, snapshots and soft-deleted copies that the bucket keeps by itself")
	}
	if s.opts.Adopt != nil && !s.opts.Adopt.byKey && req.JobID == "" {
		all = append(all, "objects below "+s.opts.Adopt.Prefix+" that were not adopted yet")
	}
	return all
}

// erasure is one call of Erase.
type erasure struct {
	s   *Service
	req EraseRequest

	mu   sync.Mutex // guards done: jobs are erased concurrently
	done *Erased
}

func (e *erasure) run(ctx context.Context) error {
	for range erasePasses {
		free, err := e.cancel(ctx)
		if err == nil {
			err = e.wait(ctx, free)
		}
		if err == nil {
			err = e.each(ctx, e.mark)
		}
		if err == nil {
			err = e.objects(ctx)
		}
		if err == nil {
			err = e.each(ctx, e.record)
		}
		if err != nil || e.req.DryRun {
			return err
		}
		var left atomic.Bool // e.each is concurrent
		err = e.each(ctx, func(_ context.Context, job *jobs.Job) error {
			if !job.Buried() {
				left.Store(true)
			}
			return nil
		})
		if errors.Is(err, ErrNotFound) { // the one job is gone
			return nil
		}
		if err != nil || !left.Load() {
			return err
		}
	}
	return errStillSending
}

// each calls f with every job to erase.
func (e *erasure) each(ctx context.Context, f func(context.Context, *jobs.Job) error) error {
	who := Caller{OrganizationID: e.req.OrganizationID}
	if e.req.JobID != "" {
		job, err := e.s.Job(ctx, who, e.req.JobID)
		if err != nil {
			return err
		}
		return f(ctx, job)
	}
	q := jobs.Query{OrganizationID: who.OrganizationID, Limit: prunePage}
	for {
		page, err := e.s.list(ctx, q)
		if err != nil {
			return err
		}
		if err := e.s.atOnce(len(page.Jobs), func(n int) error { return f(ctx, page.Jobs[n]) }); err != nil {
			return unavailable("erase jobs", err)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}

// cancel cancels unfinished jobs, and returns the time from which no worker can write.
func (e *erasure) cancel(ctx context.Context) (free time.Time, err error) {
	err = e.each(ctx, func(ctx context.Context, job *jobs.Job) error {
		if !job.State.Finished() {
			if !e.req.DryRun {
				cancelled, err := jobs.Change(ctx, e.s.back.Jobs, job.ID, func(j *jobs.Job) error {
					if job = j; j.State.Finished() {
						return errUnchanged
					}
					return j.Cancel(e.s.now())
				})
				switch {
				case err == nil:
					e.s.finished(ctx, cancelled)
				case !errors.Is(err, errUnchanged):
					return ignoreMoved(err)
				}
			}
			e.mu.Lock()
			e.done.Cancelled++
			e.mu.Unlock()
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if job.State == jobs.Cancelled && !job.Buried() && job.NotBefore.After(free) {
			free = job.NotBefore
		}
		return nil
	})
	return free, err
}

// wait waits until a time; in a dry run it does not.
func (e *erasure) wait(ctx context.Context, until time.Time) error {
	left := until.Sub(e.s.now())
	if e.req.DryRun || left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// mark records that a payload is about to be removed. A job that was created or redriven
// meanwhile is left for the next pass.
func (e *erasure) mark(ctx context.Context, job *jobs.Job) error {
	if e.req.DryRun || !job.Payload.RemovedAt.IsZero() {
		return nil
	}
	_, err := jobs.Change(ctx, e.s.back.Jobs, job.ID, func(j *jobs.Job) error { return j.RemovePayload(e.s.now()) })
	return ignoreMoved(err)
}

// record removes a record, or makes it a tombstone while its upload can still come.
func (e *erasure) record(ctx context.Context, job *jobs.Job) error {
	now := e.s.now()
	var until time.Time
	if job.Upload != nil {
		until = job.Upload.ExpiresAt.Add(e.s.opts.UploadGrace)
	}
	ticket := now.Before(until)
	var err error
	switch {
	case e.req.DryRun:
	case job.Buried() && now.Before(job.DueAt): // by an earlier call
		until, ticket = job.DueAt, true
	case job.Payload.RemovedAt.IsZero():
		return nil // for the next pass
	case ticket:
		_, err = jobs.Change(ctx, e.s.back.Jobs, job.ID, func(j *jobs.Job) error { return j.Bury(now, until) })
	default:
		if err = e.s.back.Jobs.Delete(ctx, job); errors.Is(err, jobs.ErrConflict) {
			return nil // a worker is clearing it away: for the next pass
		}
	}
	if err = ignoreMoved(err); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done.Jobs++
	if ticket {
		e.done.Tickets++
		if until.After(e.done.TicketsUntil) {
			e.done.TicketsUntil = until
		}
	}
	return nil
}

// unbury removes the tombstone of an erased job whose upload URL has expired.
func (s *Service) unbury(ctx context.Context, job *jobs.Job) error {
	if _, err := s.blobs.RemoveAll(ctx, job.Payload.Key, true, false); err != nil {
		return fmt.Errorf("ingest: remove a late upload: %w", err)
	}
	if err := s.back.Jobs.Delete(ctx, job); err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return fmt.Errorf("ingest: delete the record of an erased job: %w", err)
	}
	return nil
}
