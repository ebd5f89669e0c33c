package jobs

import (
	"errors"
	"fmt"
	"time"
)

// Claim is a worker's right to change a job: the fencing token of its lease.
// Owner is unique to the claim, not only to the worker, because the number of a released
// attempt is used again.
type Claim struct {
	JobID   string
	Owner   string
	Attempt int
}

// UploadedObject has the attributes of an object that was uploaded.
type UploadedObject struct {
	Size            int64
	SHA256          string
	ContentType     string
	ContentEncoding string
	Version         string
}

// CodeAttempts is the code of the [Failure] of a job whose attempts were all used up
// without the worker ever reporting an error: its process died each time.
const CodeAttempts = "attempts"

// CodeWaited is the code of the [Failure] of a job whose handler asked to wait for
// longer than is allowed.
const CodeWaited = "waited-too-long"

// errBackwards is a bug of the caller.
var errBackwards = errors.New("jobs: progress would go back")

// Overdue is how long a job waits for a worker before the sweeper looks at it. Workers
// find waiting jobs with [Store.Next], so a job that waits longer is one that no worker
// asks for. A waiting job's DueAt is the time at which it is ready, plus Overdue.
const Overdue = 24 * time.Hour

// Arrive records that the object was uploaded: awaiting_upload or expired → accepted.
// ErrState otherwise.
func (j *Job) Arrive(now time.Time, found UploadedObject) error {
	if err := errors.Join(j.in(AwaitingUpload, Expired), j.hasPayload()); err != nil {
		return err
	}
	j.Payload.Size, j.Payload.SHA256, j.Payload.Version = found.Size, found.SHA256, found.Version
	j.Payload.ContentType, j.Payload.ContentEncoding = found.ContentType, found.ContentEncoding
	j.accept(now, time.Time{})
	return nil
}

// Absent records that the object was not found; the next look is due at next. The job
// expires with its upload URL. For an expired job, a zero next means no more looks.
func (j *Job) Absent(now, next time.Time) error {
	if err := j.in(AwaitingUpload, Expired); err != nil {
		return err
	}
	if j.Upload != nil {
		j.Upload.Looks++
	}
	if j.State == AwaitingUpload {
		if j.Upload == nil || !now.Before(j.Upload.ExpiresAt) {
			j.finish(now, Expired)
		} else if next.IsZero() {
			next = j.Upload.ExpiresAt // an unfinished job always has a due time
		}
	}
	j.DueAt = stamp(next)
	j.touch(now)
	return nil
}

// Reject rejects an upload that breaks its terms: awaiting_upload or expired → failed.
// The job can't be redriven, because no payload was accepted.
func (j *Job) Reject(now time.Time, f Failure) error {
	if err := errors.Join(j.in(AwaitingUpload, Expired), j.hasPayload()); err != nil {
		return err
	}
	j.fail(now, f)
	return nil
}

// Take claims the job for owner: accepted, or processing with an expired lease →
// processing. It increments Attempt and sets DueAt to the end of the lease. ErrNotDue
// before NotBefore or while another lease lasts; ErrState if the job is finished or
// awaits its upload. If all attempts are used up ([Job.InVain]), Take fails the job with
// [CodeAttempts] and returns neither a claim nor an error.
func (j *Job) Take(now time.Time, owner string, lease time.Duration) (*Claim, error) {
	if err := j.in(Accepted, Processing); err != nil {
		return nil, err
	}
	if j.State == Processing && now.Before(j.DueAt) || now.Before(j.NotBefore) {
		return nil, ErrNotDue
	}
	if j.usedUp() {
		j.fail(now, lostWorker(now))
		return nil, nil
	}
	j.State = Processing
	j.Attempt++
	j.LeaseOwner = owner
	j.NotBefore = time.Time{}
	j.DueAt = stamp(now.Add(lease))
	if j.StartedAt.IsZero() {
		j.StartedAt = stamp(now)
	}
	j.touch(now)
	return &Claim{JobID: j.ID, Owner: owner, Attempt: j.Attempt}, nil
}

// Holds returns nil if the claim holds the job, otherwise ErrLeaseLost.
func (j *Job) Holds(c Claim) error {
	if j.State != Processing || j.ID != c.JobID || j.LeaseOwner != c.Owner || j.Attempt != c.Attempt {
		return ErrLeaseLost
	}
	return nil
}

// Extend moves the end of the lease to now+lease.
func (j *Job) Extend(now time.Time, c Claim, lease time.Duration) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	j.DueAt = stamp(now.Add(lease))
	j.touch(now)
	return nil
}

// Checkpoint records progress and extends the lease. It is an error if progress would go
// back.
func (j *Job) Checkpoint(now time.Time, c Claim, p Progress, lease time.Duration) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	was := j.Progress
	if p.Done < was.Done || p.Rejected < was.Rejected || p.Offset < was.Offset || p.Entries < was.Entries || p.Lines < was.Lines ||
		p.Listed < was.Listed || p.ListedBytes < was.ListedBytes {
		return errBackwards
	}
	if p != was {
		j.Progress, j.WaitingSince = p, time.Time{}
	}
	if p.Offset > j.Furthest.Offset {
		j.Furthest = Furthest{Offset: p.Offset, Attempt: j.Attempt}
	}
	return j.Extend(now, c, lease)
}

// Complete: processing → completed.
func (j *Job) Complete(now time.Time, c Claim) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	j.Failure = nil
	j.finish(now, Completed)
	return nil
}

// Retry: processing → accepted, not to be claimed before at, or failed if all attempts
// are used up.
func (j *Job) Retry(now time.Time, c Claim, f Failure, at time.Time) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	if j.usedUp() {
		j.fail(now, f)
		return nil
	}
	j.accept(now, at)
	j.Failure = &f
	j.WaitingSince = time.Time{}
	return nil
}

// Wait postpones the job because the handler asked to wait, for example because its
// target is overloaded: processing → accepted, not to be claimed before at. The attempt is
// not counted. f says why. Without progress or a failed attempt in between, a job may wait
// for limit in all: a later at is cut to the end of that time, and from then on Wait fails
// the job with [CodeWaited].
func (j *Job) Wait(now time.Time, c Claim, f Failure, at time.Time, limit time.Duration) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	if j.WaitingSince.IsZero() {
		j.WaitingSince = stamp(now)
	}
	end := j.WaitingSince.Add(limit)
	if !now.Before(end) {
		j.fail(now, Failure{Code: CodeWaited, Message: "The handler asked to wait for longer than " + limit.String(), At: now})
		return nil
	}
	if at.After(end) {
		at = end
	}
	j.uncount()
	j.accept(now, at)
	j.Failure = &f
	return nil
}

// StartOver is [Job.Retry] for a job that must start again because the output of its
// earlier batches is lost. It resets the progress of the run; the batches are handed over
// again with the same keys.
func (j *Job) StartOver(now time.Time, c Claim, f Failure, at time.Time) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	j.restart()
	return j.Retry(now, c, f, at)
}

// restart resets what was counted while the payload was read.
func (j *Job) restart() {
	j.Progress = Progress{}
	if j.Payload.Format == formatNDJSON {
		j.ResourceCounts = nil // counted while the lines are read
	}
}

// Fail: processing → failed, for good.
func (j *Job) Fail(now time.Time, c Claim, f Failure) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	j.fail(now, f)
	return nil
}

// Release gives the job back: processing → accepted. The attempt is not counted. It is for
// a worker that is shutting down.
func (j *Job) Release(now time.Time, c Claim) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	j.uncount()
	j.accept(now, time.Time{})
	return nil
}

// Rescue takes the job from a worker whose lease has expired: processing → accepted, not to
// be claimed before at (zero: at once), or failed if all attempts are used up. ErrNotDue
// while the lease lasts.
func (j *Job) Rescue(now, at time.Time) error {
	if err := j.in(Processing); err != nil {
		return err
	}
	if now.Before(j.DueAt) {
		return ErrNotDue
	}
	if j.usedUp() {
		j.fail(now, lostWorker(now))
		return nil
	}
	j.accept(now, at)
	return nil
}

// TakeOver is [Job.Rescue] before the end of the lease, for a job whose worker is known to
// be dead. ErrLeaseLost unless owner still holds the lease.
func (j *Job) TakeOver(now time.Time, owner string, at time.Time) error {
	if j.State != Processing || j.LeaseOwner != owner {
		return ErrLeaseLost
	}
	j.DueAt = stamp(now)
	return j.Rescue(now, at)
}

// Cancel: unfinished or failed → cancelled. If work had begun, its partial output needs
// clean-up: now, or when the lease is over if a worker may still write.
func (j *Job) Cancel(now time.Time) error {
	if err := j.in(AwaitingUpload, Accepted, Processing, Failed); err != nil {
		return err
	}
	clearAt := now
	if j.State == Processing && j.DueAt.After(now) {
		clearAt = j.DueAt
	}
	j.finish(now, Cancelled)
	if !j.StartedAt.IsZero() {
		j.waitFrom(clearAt, clearAt)
	}
	return nil
}

// Clear claims the clean-up of a cancelled job for the duration of lease. ErrNotDue before
// NotBefore; ErrState if the job is not cancelled or needs no clean-up.
func (j *Job) Clear(now time.Time, lease time.Duration) error {
	if err := j.in(Cancelled); err != nil {
		return err
	}
	if j.DueAt.IsZero() {
		return fmt.Errorf("%w: it needs no clean-up", ErrState)
	}
	if now.Before(j.NotBefore) {
		return ErrNotDue
	}
	j.waitFrom(now.Add(lease), now.Add(lease))
	j.touch(now)
	return nil
}

// Cleared records that the clean-up of a cancelled job is done. ErrState for any other
// job, and for one that was made a tombstone in the meantime, which stays due.
func (j *Job) Cleared(now time.Time) error {
	if err := j.in(Cancelled); err != nil {
		return err
	}
	if j.Buried() {
		return fmt.Errorf("%w: it is erased", ErrState)
	}
	j.DueAt, j.NotBefore = time.Time{}, time.Time{}
	j.touch(now)
	return nil
}

// Redrive: failed or completed → accepted, with all attempts again. A failed job goes on
// from its last checkpoint. A completed job, and one whose [Failure] says Restart, starts
// again with a new Run. ErrState for a job that was never claimed, because it has no
// accepted payload, and for one whose payload was removed.
func (j *Job) Redrive(now time.Time) error {
	if err := j.in(Failed, Completed); err != nil {
		return err
	}
	if j.StartedAt.IsZero() {
		return fmt.Errorf("%w: it was never started", ErrState)
	}
	if err := j.hasPayload(); err != nil {
		return err
	}
	if j.State == Completed || j.Failure != nil && j.Failure.Restart {
		j.Run++
		j.Furthest = Furthest{}
		j.restart()
		j.Outputs = nil
		j.OutcomesKey = ""
	}
	j.Attempt, j.Furthest.Attempt = 0, 0
	j.Failure = nil
	j.WaitingSince = time.Time{}
	j.FinishedAt = time.Time{}
	j.accept(now, time.Time{})
	return nil
}

// formatNDJSON is the [Payload.Format] whose resources the worker counts as it reads them.
// A Bundle's are counted when it is validated.
const formatNDJSON = "ndjson"

// in returns ErrState unless the job is in one of the states.
func (j *Job) in(states ...State) error {
	for _, s := range states {
		if j.State == s {
			return nil
		}
	}
	return fmt.Errorf("%w: it is %s", ErrState, j.State)
}

// InVain returns the number of attempts since the last one that made progress. A job that
// makes progress is never given up, however often its workers die or its handler fails.
func (j *Job) InVain() int { return j.Attempt - j.Furthest.Attempt }

// uncount takes back the current attempt.
func (j *Job) uncount() {
	j.Attempt--
	j.Furthest.Attempt = min(j.Furthest.Attempt, j.Attempt)
}

func (j *Job) usedUp() bool { return j.InVain() >= j.MaxAttempts }

// accept makes the job wait for a worker, from notBefore on or, if that is zero, from now.
func (j *Job) accept(now, notBefore time.Time) {
	j.State = Accepted
	j.LeaseOwner = ""
	from := notBefore
	if from.IsZero() {
		from = now
	}
	j.waitFrom(notBefore, from)
	j.FinishedAt = time.Time{}
	j.touch(now)
}

// waitFrom sets the times of a job that waits for a worker.
func (j *Job) waitFrom(notBefore, from time.Time) {
	j.NotBefore, j.DueAt = stamp(notBefore), stamp(from.Add(Overdue))
}

// finish ends the job, with no due time.
func (j *Job) finish(now time.Time, s State) {
	j.State = s
	j.LeaseOwner = ""
	j.NotBefore, j.WaitingSince = time.Time{}, time.Time{}
	j.DueAt = time.Time{}
	j.FinishedAt = stamp(now)
	j.touch(now)
}

func (j *Job) fail(now time.Time, f Failure) {
	f.At = stamp(f.At)
	j.Failure = &f
	j.finish(now, Failed)
}

func (j *Job) touch(now time.Time) { j.UpdatedAt = stamp(now) }

func lostWorker(now time.Time) Failure {
	return Failure{Code: CodeAttempts, Message: "Processing was started repeatedly and never finished", At: now}
}

// stamp returns a time as stores keep it.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
