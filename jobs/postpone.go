package jobs

import (
	"fmt"
	"time"
)

// Postpone moves the due time of a job that could not be looked after, or that nobody
// works on, so that it does not stay the first that is due. It can't move that of a job
// that is being processed, where it is the end of the lease, or of one that is finished
// and cleared away.
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
		return fmt.Errorf("%w: it is cleared away", ErrState)
	}
	return nil
}

// Redate moves all times that the job waits for, so that it waits as long from now on as it
// was to wait when it was recorded. It is for a job that was recorded by a clock that was
// ahead: ErrNotDue unless UpdatedAt is after now. It takes the states that [Job.Postpone]
// takes. A tombstone keeps its time, which is that of an upload URL: ErrState.
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
