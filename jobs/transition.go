package jobs

import (
	"errors"
	"fmt"
	"time"
)

// Claim is a worker's right to change a job: the fencing token of its lease.
// Owner is unique to the claim, not only to the worker: an attempt that was
// given back is counted again.
type Claim struct {
	JobID   string
	Owner   string
	Attempt int
}

// Found is what a look at an uploaded object told.
type Found struct {
	Size            int64
	SHA256          string
	ContentType     string
	ContentEncoding string
	Version         string
}

// CodeAttempts is the code of the [Failure] of a job whose attempts are used up
// without a word from the worker: its process died each time.
const CodeAttempts = "attempts"

// CodeWaited is the code of the [Failure] of a job whose handler asked to wait for
// longer than is allowed.
const CodeWaited = "waited-too-long"

// errBackwards is a defect of the caller, not a state that can come about.
var errBackwards = errors.New("jobs: progress would go back")

// Overdue is how long a job waits for a worker before the sweeper looks at it. Workers
// find waiting jobs with [Store.Next], so a job that waits for that long is one that no
// worker asks for. The DueAt of a waiting job is the time at which it is ready, plus
// Overdue.
const Overdue = 24 * time.Hour

// Arrive records that the upload is there: awaiting_upload or expired → accepted.
// ErrState otherwise.
func (j *Job) Arrive(now time.Time, found Found) error {
	if err := errors.Join(j.in(AwaitingUpload, Expired), j.hasPayload()); err != nil {
		return err
	}
	j.Payload.Size, j.Payload.SHA256, j.Payload.Version = found.Size, found.SHA256, found.Version
	j.Payload.ContentType, j.Payload.ContentEncoding = found.ContentType, found.ContentEncoding
	j.accept(now, time.Time{})
	return nil
}

// Absent records a look that found nothing: the next one is due at next; the
// job is expired once its URL is. From then on a zero next means no more looks.
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

// Reject refuses an upload that is not what was promised: awaiting_upload or
// expired → failed. It can't be redriven, for no payload was accepted.
func (j *Job) Reject(now time.Time, f Failure) error {
	if err := errors.Join(j.in(AwaitingUpload, Expired), j.hasPayload()); err != nil {
		return err
	}
	j.fail(now, f)
	return nil
}

// Take claims the job for owner: accepted, or processing with its lease over →
// processing, Attempt one higher, DueAt the end of the lease. ErrNotDue before
// NotBefore or while another's lease lasts; ErrState if it is finished or
// awaits its upload. A job whose attempts are used up is failed with
// [CodeAttempts] instead, and Take returns no claim and no error.
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

// Holds returns nil if the claim is the job's, otherwise ErrLeaseLost.
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

// Checkpoint records progress and extends the lease. Progress that would go
// back is an error.
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

// Retry: processing → accepted, not claimed before at; failed instead if the
// attempts are used up.
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

// Wait gives the attempt back because the handler asked to wait, for example because its
// target is overloaded: processing → accepted, not claimed before at. f says why. Without
// progress or a failed attempt in between, a job may wait for most in all: a later at is
// cut to the end of that time, and from then on Wait fails the job with [CodeWaited].
func (j *Job) Wait(now time.Time, c Claim, f Failure, at time.Time, most time.Duration) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	if j.WaitingSince.IsZero() {
		j.WaitingSince = stamp(now)
	}
	end := j.WaitingSince.Add(most)
	if !now.Before(end) {
		j.fail(now, Failure{Code: CodeWaited, Message: "The handler asked to wait for longer than " + most.String(), At: now})
		return nil
	}
	if at.After(end) {
		at = end
	}
	j.Attempt--
	j.accept(now, at)
	j.Failure = &f
	return nil
}

// StartOver is Retry for a job that must start again because what was kept of its earlier
// batches is gone. Progress goes back to the start of the run, and its batches are handed
// over again with the same keys.
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

// Release gives the job and the attempt back: processing → accepted. For a worker that
// is told to stop.
func (j *Job) Release(now time.Time, c Claim) error {
	if err := j.Holds(c); err != nil {
		return err
	}
	j.Attempt--
	j.accept(now, time.Time{})
	return nil
}

// Rescue takes the job from a worker whose lease is over: processing → accepted, or
// failed if the attempts are used up. ErrNotDue while the lease lasts.
func (j *Job) Rescue(now time.Time) error {
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
	j.accept(now, time.Time{})
	return nil
}

// TakeOver is Rescue before the end of the lease, for a job whose worker is known to be
// dead. ErrLeaseLost unless owner still has the job.
func (j *Job) TakeOver(now time.Time, owner string) error {
	if j.State != Processing || j.LeaseOwner != owner {
		return ErrLeaseLost
	}
	j.DueAt = stamp(now)
	return j.Rescue(now)
}

// Cancel: not finished, or failed → cancelled. Where work had begun, what it left
// half done is to be cleared away: at once, or when the lease is over, since its
// worker may still write.
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
		j.waits(clearAt, clearAt)
	}
	return nil
}

// Clear claims a cancelled job that is to be cleared away, for so long. ErrNotDue before
// NotBefore; ErrState for any other job.
func (j *Job) Clear(now time.Time, lease time.Duration) error {
	if err := j.in(Cancelled); err != nil {
		return err
	}
	if j.DueAt.IsZero() {
		return fmt.Errorf("%w: it is cleared away", ErrState)
	}
	if now.Before(j.NotBefore) {
		return ErrNotDue
	}
	j.waits(now.Add(lease), now.Add(lease))
	j.touch(now)
	return nil
}

// Cleared records that what a cancelled job left half done is gone: nobody has to look
// at it any more. ErrState for any other job, and for one that was made a tombstone in the
// meantime, which stays due.
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

// Redrive: failed or completed → accepted with its attempts given back. A
// failed job goes on from its last checkpoint. A completed one starts again,
// with a new Run, and so does one whose [Failure] says Restart. ErrState for a job
// that was never claimed, since nothing was accepted that could be worked on, and for one
// whose payload was removed.
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
		j.restart()
		j.Outputs = nil
		j.OutcomesKey = ""
	}
	j.Attempt = 0
	j.Failure = nil
	j.WaitingSince = time.Time{}
	j.FinishedAt = time.Time{}
	j.accept(now, time.Time{})
	return nil
}

// formatNDJSON is [Payload.Format] of a file whose resources are counted by the
// worker; a Bundle's are counted when it is validated.
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

func (j *Job) usedUp() bool { return j.Attempt >= j.MaxAttempts }

// accept makes the job wait for a worker, not before a time or, if that is zero, from
// now on.
func (j *Job) accept(now, notBefore time.Time) {
	j.State = Accepted
	j.LeaseOwner = ""
	from := notBefore
	if from.IsZero() {
		from = now
	}
	j.waits(notBefore, from)
	j.FinishedAt = time.Time{}
	j.touch(now)
}

// waits makes the job one that workers ask for, from a time on.
func (j *Job) waits(notBefore, from time.Time) {
	j.NotBefore, j.DueAt = stamp(notBefore), stamp(from.Add(Overdue))
}

// finish ends the job: nobody has to look at it any more.
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
	return Failure{Code: CodeAttempts, Message: "Processing was begun again and again and never ended", At: now}
}

// stamp is a time as stores keep it.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
