package jobs

// State of a job.
type State string

const (
	// AwaitingUpload: an upload URL was issued, its object has not arrived.
	AwaitingUpload State = "awaiting_upload"
	// Accepted: the payload is stored and waits for a worker.
	Accepted State = "accepted"
	// Processing: a worker has a lease on it.
	Processing State = "processing"
	// Completed: everything was handed over.
	Completed State = "completed"
	// Failed: a permanent error, or the attempts are used up.
	Failed State = "failed"
	// Expired: the upload URL expired and no object came. An upload that began
	// in time and ended late still makes the job Accepted.
	Expired State = "expired"
	// Cancelled by the sender.
	Cancelled State = "cancelled"
)

// States in the order of a job's life.
func States() []State {
	return []State{AwaitingUpload, Accepted, Processing, Completed, Failed, Expired, Cancelled}
}

// Finished reports whether nothing more happens by itself in this state.
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
