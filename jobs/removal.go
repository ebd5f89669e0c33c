package jobs

import (
	"fmt"
	"time"
)

// RemovePayload records the removal of the payload of a completed, failed, cancelled or
// expired job. From then on the job can't be redriven and its upload is not accepted, so
// store it before deleting the object. It may be called again. ErrState in other states;
// ErrNotDue while the worker of a cancelled job may still write.
func (j *Job) RemovePayload(now time.Time) error {
	if err := j.in(Completed, Failed, Cancelled, Expired); err != nil {
		return err
	}
	if j.Payload.RemovedAt.IsZero() {
		if now.Before(j.NotBefore) {
			return ErrNotDue
		}
		j.Payload.RemovedAt = stamp(now)
		j.touch(now)
	}
	return nil
}

// hasPayload returns ErrState if the payload was removed.
func (j *Job) hasPayload() error {
	if !j.Payload.RemovedAt.IsZero() {
		return fmt.Errorf("%w: its payload was removed", ErrState)
	}
	return nil
}

// Bury makes the job of a signed upload a tombstone: cancelled, without the data of its
// sender and payload, and due at until, when its upload URL can no longer create an
// object. ErrState unless the payload was removed; see [Job.RemovePayload].
func (j *Job) Bury(now, until time.Time) error {
	if j.Payload.RemovedAt.IsZero() {
		return fmt.Errorf("%w: its payload was not removed", ErrState)
	}
	*j = Job{
		ID: j.ID, OrganizationID: j.OrganizationID, Source: j.Source, State: Cancelled, MaxAttempts: j.MaxAttempts,
		Payload:   Payload{Bucket: j.Payload.Bucket, Key: j.Payload.Key, RemovedAt: j.Payload.RemovedAt},
		CreatedAt: j.CreatedAt, FinishedAt: j.FinishedAt, Revision: j.Revision,
	}
	if j.FinishedAt.IsZero() {
		j.FinishedAt = stamp(now)
	}
	j.DueAt, j.NotBefore = stamp(until), stamp(until)
	j.touch(now)
	return nil
}

// Buried reports whether the job is a tombstone; see [Job.Bury].
func (j *Job) Buried() bool {
	return j.State == Cancelled && j.Source == PresignedUpload && j.Upload == nil && !j.Payload.RemovedAt.IsZero()
}
