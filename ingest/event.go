package ingest

import "time"

// EventKind says what happened.
type EventKind string

// Kinds, and the fields of an [Event] that each sets besides Kind. Of every event
// about a job JobID and Source are set.
const (
	// EventAccepted: a payload was accepted. Bytes of the payload; of a Bundle by
	// webhook also its Resources, and the Duration of accepting it.
	EventAccepted EventKind = "accepted"
	// EventRefused: a Bundle by webhook was refused, and there is no job. Source, Code of
	// the refusal, Duration.
	EventRefused EventKind = "refused"
	// EventUploadSigned: an upload URL was issued.
	EventUploadSigned EventKind = "upload_signed"
	// EventObjectIgnored: nothing came of a notification, or of a listed object. Code
	// says why: not_asked, elsewhere, webhook, cancelled, gone or other_bucket; of an
	// object below the prefix of an [Adoption] folder, bad_key, own_key, has_job,
	// no_owner, too_old or replaced; or a notify.Reason. JobID and Source where the
	// object is a job's.
	EventObjectIgnored EventKind = "object_ignored"
	// EventMessageIgnored: a message of the queue was no wake-up, and its object, if it
	// names one, was not adopted. Code says why: junk, other_bucket, not_adopted, gone,
	// or one of those of an Adoption. One that comes again is counted again.
	EventMessageIgnored EventKind = "message_ignored"
	// EventClaimed: a worker took a job.
	EventClaimed EventKind = "claimed"
	// EventBatch: a batch was handed over. Bytes of the payload between its borders,
	// Resources of it that were taken, Rejected, and the Duration of handing it over.
	EventBatch EventKind = "batch"
	// EventRetry: an attempt failed, and another follows. Code of the failure, Duration
	// of the attempt.
	EventRetry EventKind = "retry"
	// EventWaiting: a handler asked to wait; see [Wait]. Code of the failure that the job
	// shows meanwhile, Duration of the wait.
	EventWaiting EventKind = "waiting"
	// EventRescued: a job was taken from a worker that went silent.
	EventRescued EventKind = "rescued"
	// EventLeaseLost: a worker lost a job, to another worker or because it was
	// cancelled.
	EventLeaseLost EventKind = "lease_lost"
	// EventWoken: the sweeper sent a wake-up.
	EventWoken EventKind = "woken"
	// EventFinished: a job reached a final State. Bytes of the payload, Resources of it
	// that were taken in all, Rejected, the Duration since the job was created, and of a
	// failed job the Code.
	EventFinished EventKind = "finished"
)

// Event is for metrics and tests. It names no tenant and holds nothing of a
// payload. Which fields are set, and what they mean, is said at its Kind; the others
// are zero.
type Event struct {
	Kind   EventKind
	JobID  string
	Source string // a jobs.Source
	State  string // a jobs.State
	Code   string
	Bytes  int64
	// Resources and Rejected count resources.
	Resources int64
	Rejected  int64
	Duration  time.Duration
}
