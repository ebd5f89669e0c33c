package jobs

import (
	"fmt"
	"time"
)

// Postpone moves the due time of a job that the sweeper can do nothing about now, so that
// it does not stay at the head of the due jobs. ErrState if the job is being processed,
// when the due time is the end of the lease, or is finished and needs no clean-up.
func (j *Job) Postpone(now, next time.Time) error {
	if err := j.awaits(); err != nil {
		return err
	}
	j.DueAt = stamp(next)
	j.touch(now)
	return nil
}

// awaits returns ErrState unless the job has a due time that is not the end of a lease.
func (j *Job) awaits() error {
	if err := j.in(AwaitingUpload, Expired, Accepted, Cancelled); err != nil {
		return err
	}
	if j.State == Cancelled && j.DueAt.IsZero() {
		return fmt.Errorf("%w: it needs no clean-up", ErrState)
	}
	return nil
}

// Redate corrects a job that was recorded with a clock that was ahead: it moves the times
// that the job waits for by the difference between now and UpdatedAt. ErrNotDue unless
// UpdatedAt is after now. ErrState in the states that [Job.Postpone] refuses, and for a
// tombstone, whose due time follows from an upload URL.
func (j *Job) Redate(now time.Time) error {
	if err := j.awaits(); err != nil {
		return err
	}
	if j.Buried() {
		return fmt.Errorf("%w: it is erased", ErrState)
	}
	ahead := j.UpdatedAt.Sub(now)
	if ahead <= 0 {
		return ErrNotDue
	}
	for _, t := range []*time.Time{&j.DueAt, &j.NotBefore, &j.WaitingSince} {
		if !t.IsZero() {
			*t = stamp(t.Add(-ahead))
		}
	}
	j.touch(now)
	return nil
}
