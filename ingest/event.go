package ingest

import "time"

// EventKind says what happened.
type EventKind string

const (
	EventAccepted      EventKind = "accepted"       // a payload was accepted
	EventRefused       EventKind = "refused"        // a payload was refused
	EventUploadSigned  EventKind = "upload_signed"  // an upload URL was issued
	EventObjectIgnored EventKind = "object_ignored" // a notification that leads to nothing; Code says why
	EventClaimed       EventKind = "claimed"        // a worker took a job
	EventBatch         EventKind = "batch"          // a batch was handed over
	EventFinished      EventKind = "finished"       // a job reached a final state
	EventRetry         EventKind = "retry"          // an attempt failed, another follows
	EventRescued       EventKind = "rescued"        // a job was taken from a dead worker
	EventLeaseLost     EventKind = "lease_lost"     // a worker lost a job
	EventWoken         EventKind = "woken"          // the sweeper sent a wake-up
)

// Event is for metrics and tests. It names no tenant and holds nothing of a
// payload.
type Event struct {
	Kind EventKind
	// JobID where there is a job.
	JobID  string
	Source string
	// State that a finished job reached.
	State string
	// Code of a refusal or failure, or why a notification was ignored: not_asked or
	// cancelled by [Service.ObjectCreated], a notify.Reason by [Service.ObjectsIgnored].
	Code string
	// Bytes and resources of a payload or batch.
	Bytes     int64
	Resources int64
	Rejected  int64
	// Duration of an accept, batch, or attempt.
	Duration time.Duration
}
