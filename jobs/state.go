package jobs

// State of a job.
type State string

const (
	// AwaitingUpload: an upload URL was issued and the object has not arrived.
	AwaitingUpload State = "awaiting_upload"
	// Accepted: the payload is stored and waits for a worker.
	Accepted State = "accepted"
	// Processing: a worker has a lease on the job.
	Processing State = "processing"
	// Completed: everything was handed over.
	Completed State = "completed"
	// Failed: a permanent error, or all attempts were used up.
	Failed State = "failed"
	// Expired: the upload URL expired before the object arrived. An upload that started
	// in time and ends later still makes the job Accepted.
	Expired State = "expired"
	// Cancelled: by the sender.
	Cancelled State = "cancelled"
)

// States returns all states in the order of a job's life.
func States() []State {
	return []State{AwaitingUpload, Accepted, Processing, Completed, Failed, Expired, Cancelled}
}

// Finished reports whether a job in this state is done, unless it is redriven or a late
// upload arrives.
func (s State) Finished() bool {
	switch s {
	case AwaitingUpload, Accepted, Processing:
		return false
	}
	return true
}

// Valid reports whether s is one of [States].
func (s State) Valid() bool {
	switch s {
	case AwaitingUpload, Accepted, Processing, Completed, Failed, Expired, Cancelled:
		return true
	}
	return false
}
