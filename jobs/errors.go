package jobs

import "errors"

// Errors of stores and of changes, to be matched with errors.Is. After any other
// error of a store, the change may or may not have been made.
var (
	// ErrNotFound: there is no such job.
	ErrNotFound = errors.New("jobs: no such job")
	// ErrExists: a job with this id already exists.
	ErrExists = errors.New("jobs: job already exists")
	// ErrConflict: the job was changed since it was read.
	ErrConflict = errors.New("jobs: job was changed concurrently")
	// ErrState: the job's state does not allow this change.
	ErrState = errors.New("jobs: not allowed in this state")
	// ErrLeaseLost: the claim no longer holds the job.
	ErrLeaseLost = errors.New("jobs: lease lost")
	// ErrNotDue: the job can't be claimed yet.
	ErrNotDue = errors.New("jobs: not due yet")
	// ErrRecord: a stored record can't be read: it is damaged, or another program wrote
	// it. List, Due and Next return it together with the records that can be read.
	ErrRecord = errors.New("jobs: a record can't be read")
	// ErrCursor: the cursor was not returned by a store.
	ErrCursor = errors.New("jobs: invalid cursor")
)
