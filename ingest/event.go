package ingest

import "time"

// EventKind is the kind of an [Event].
type EventKind string

// Kinds, and the fields of an [Event] that each sets besides Kind. Events about a job
// have JobID and Source, unless they say otherwise.
const (
	// EventAccepted: a payload was accepted. Bytes of the payload; for a Bundle by
	// webhook also its Resources, and the Duration of accepting it.
	EventAccepted EventKind = "accepted"
	// EventRefused: a Bundle by webhook was refused, and there is no job. Source, Code of
	// the refusal, Duration.
	EventRefused EventKind = "refused"
	// EventUnrecorded: the payload of a Bundle by webhook is stored, but the job store did
	// not say whether its job was created. The object stays; if the job was not created,
	// nothing refers to it. JobID of the possible job, Source, Bytes. An EventRefused
	// follows.
	EventUnrecorded EventKind = "unrecorded"
	// EventUploadSigned: an upload URL was issued.
	EventUploadSigned EventKind = "upload_signed"
	// EventObjectIgnored: a notification, or a listed object, led to no job. Code says
	// why: not_asked, elsewhere, webhook, cancelled, removed, gone or other_bucket; for an object
	// below the prefix of an [Adoption] also folder, bad_key, own_key, has_job, no_owner,
	// too_old or replaced; or a notify.Reason. JobID and Source if the object belongs to
	// a job.
	EventObjectIgnored EventKind = "object_ignored"
	// EventMessageIgnored: a message of the queue was not a wake-up, and the object it
	// names, if any, was not adopted. Code says why: junk, other_bucket, not_adopted,
	// gone, or one of an Adoption's codes above. A redelivered message is counted again.
	EventMessageIgnored EventKind = "message_ignored"
	// EventClaimed: a worker claimed a job.
	EventClaimed EventKind = "claimed"
	// EventBatch: a batch was handed over. Bytes of the payload that it spans, Resources
	// accepted by the handler, Rejected, and the Duration of handing it over.
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
	// EventNotWoken: a wake-up was not sent, and its job is found later. Code says why:
	// failed, or busy if too many others are being sent.
	EventNotWoken EventKind = "not_woken"
	// EventSubscription: the subscription of a [Worker] or [Listener] was lost, could not
	// be opened at the start, or was opened again. Code is lost or open.
	EventSubscription EventKind = "subscription"
	// EventFinished: a job reached a final State. Bytes of the payload, Resources accepted
	// in total, Rejected, the Duration since the job was created, and the Code of a failed
	// job.
	EventFinished EventKind = "finished"
	// EventRemoved: something of a finished job was removed because its [Retention] has
	// passed. Code is record, payload, outcomes or staging. Source and State of the job,
	// unless its record was already gone.
	EventRemoved EventKind = "removed"
	// EventSwept: a [Sweeper] ended a sweep. Code is ok or failed: some jobs could not be
	// looked after, or the store did not answer. Resources is the number of jobs that were
	// looked after, Duration the sweep's. It has no JobID or Source.
	EventSwept EventKind = "swept"
	// EventErased: [Service.Erase] succeeded. Code is job or organization, Resources the
	// number of jobs, and Bytes those of the removed objects. It has a JobID if one job was
	// erased, but no Source.
	EventErased EventKind = "erased"
)

// Event is for metrics and tests. It names no tenant and contains nothing of a payload.
// Each [EventKind] documents which fields it sets and what they mean; the others are zero.
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
