package jobs

import "errors"

// Errors of stores and of changes, to be matched with errors.Is. Any other
// error of a store means that it could not be reached or failed; whether the
// change was made is then not known.
var (
	// ErrNotFound: there is no such job.
	ErrNotFound = errors.New("jobs: no such job")
	// ErrExists: a job with this id exists already.
	ErrExists = errors.New("jobs: job exists already")
	// ErrConflict: the job was changed since it was read.
	ErrConflict = errors.New("jobs: job was changed meanwhile")
	// ErrState: the job's state does not allow this change.
	ErrState = errors.New("jobs: not allowed in this state")
	// ErrLeaseLost: the claim that the change carries is not the job's any
	// more.
	ErrLeaseLost = errors.New("jobs: lease lost")
	// ErrNotDue: the job can't be claimed yet.
	ErrNotDue = errors.New("jobs: not due yet")
	// ErrRecord: a stored record can't be read: it is damaged, or of another program.
	// List, Due and Next return what else there is beside it.
	ErrRecord = errors.New("jobs: a record can't be read")
	// ErrCursor: the cursor is not one that this store gave.
	ErrCursor = errors.New("jobs: invalid cursor")
)
