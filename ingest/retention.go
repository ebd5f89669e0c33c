package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Retention is how long finished jobs and their objects are kept, counted from the end of
// the job. Zero, the default of each field, keeps them for ever, and so does a nil
// *Retention. The [Sweeper] removes older ones in batches, some minutes later, or up to
// an hour later if the durations are days.
//
// Removing can't be undone, except from your own backups of the bucket and the job store.
//
// Adopted objects and the outputs of a [Handler] are never removed, since fhirdock does
// not own them. Objects below [Options.Prefix] without a job are left alone; see
// [Service.Orphans].
type Retention struct {
	// Completed, Cancelled and Expired are for the records of jobs in these states. With a
	// record go the job's payload, outcomes file and parts in staging, and its
	// Idempotency-Key, which then makes a new job.
	//
	// Some records stay longer: an upload's until its URL has expired; an expired job's
	// for another [Options.UploadGrace]; a cancelled job's until its parts are cleared;
	// and an adopted object's for an hour longer than [Adoption.MaxAge], since the object
	// would be adopted again.
	Completed, Cancelled, Expired time.Duration
	// Failed is for the records of failed jobs, which may still be redriven. Cancel the
	// ones you give up; they are then kept as long as Cancelled says.
	Failed time.Duration
	// Payloads is for the payloads of completed and cancelled jobs. Their records stay
	// and say when the payload was removed. Such a job can't be redriven. The payload of
	// a failed job stays as long as its record.
	Payloads time.Duration
	// Outcomes is for the outcomes files of jobs whose payload was removed: a job that
	// can be redriven writes its file again. It requires Payloads, and must not be
	// shorter.
	Outcomes time.Duration
	// Staging is for the parts below [Options.StagingPrefix] of failed jobs, and for those
	// left by killed processes. This includes a handler's parts at
	// {StagingPrefix}/{name}/{organization}/{jobId}, as sink.Lake's are by default. If the
	// handler needs its parts, a later redrive starts at the beginning of the payload, and
	// the outcomes file says how many outcomes are missing from it.
	Staging time.Duration
}

// records returns how long the record of a job in a state is kept; zero means for ever.
func (r *Retention) records(state jobs.State) time.Duration {
	switch state {
	case jobs.Completed:
		return r.Completed
	case jobs.Failed:
		return r.Failed
	case jobs.Cancelled:
		return r.Cancelled
	case jobs.Expired:
		return r.Expired
	}
	return 0
}

// all returns the durations by the names of their fields.
func (r *Retention) all() map[string]time.Duration {
	return map[string]time.Duration{
		"Completed": r.Completed, "Failed": r.Failed, "Cancelled": r.Cancelled, "Expired": r.Expired,
		"Payloads": r.Payloads, "Outcomes": r.Outcomes, "Staging": r.Staging,
	}
}

// check returns an error if a field is invalid.
func (r *Retention) check() error {
	if r == nil {
		return nil
	}
	for name, d := range r.all() {
		if d < 0 || d > 0 && d < time.Second {
			return fmt.Errorf("ingest: Retention.%s must be 0, which keeps for ever, or at least a second", name)
		}
	}
	if r.Outcomes > 0 && (r.Payloads == 0 || r.Outcomes < r.Payloads) {
		return errors.New("ingest: Retention.Outcomes needs Payloads and must not be shorter: a job that can be redriven writes its outcomes again")
	}
	return nil
}

// every is the time between two rounds.
func (r *Retention) every() time.Duration {
	shortest := 10 * time.Hour
	for _, d := range r.all() {
		if d > 0 {
			shortest = min(shortest, d)
		}
	}
	return max(shortest/10, 500*time.Millisecond)
}

// Codes of [EventRemoved].
const (
	removedRecord   = "record"
	removedPayload  = "payload"
	removedOutcomes = "outcomes"
	removedStaging  = "staging"
)

// recordOver reports whether the retention of a job's record is over.
func (s *Service) recordOver(j *jobs.Job, now time.Time) bool {
	keep := s.opts.Retention.records(j.State)
	if keep == 0 || !settled(j, now) {
		return false
	}
	if j.Source == jobs.Adopted && s.opts.Adopt != nil {
		keep = max(keep, s.opts.Adopt.MaxAge+time.Hour)
	}
	return now.Sub(j.FinishedAt) >= keep
}

// payloadOver reports whether the retention of a job's payload is over.
func (s *Service) payloadOver(j *jobs.Job, now time.Time) bool {
	if !j.Payload.RemovedAt.IsZero() {
		return true // the object came later, or its deletion was interrupted
	}
	keep := s.opts.Retention.Payloads
	return keep > 0 && (j.State == jobs.Completed || j.State == jobs.Cancelled) && j.Source != jobs.Adopted &&
		settled(j, now) && now.Sub(j.FinishedAt) >= keep
}

// settled reports whether nothing more happens to a job without a request: it has no due
// time, and no upload URL can bring its object back.
func settled(j *jobs.Job, now time.Time) bool {
	return j.State.Finished() && j.DueAt.IsZero() && (j.Upload == nil || now.After(j.Upload.ExpiresAt))
}
