package jobs

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Source says by which door a payload came.
type Source string

const (
	// Webhook: the payload was the body of a request.
	Webhook Source = "webhook"
	// PresignedUpload: the payload was uploaded to a signed URL.
	PresignedUpload Source = "presigned_upload"
	// Adopted: the payload was put into the bucket by other means than a signed
	// URL, and found there.
	Adopted Source = "adopted"
)

// Job is the record of one payload. It is plain data; times are UTC and are
// kept to the microsecond. As JSON, what most jobs don't have is left out where it is
// empty; StartedAt and NotBefore are always there, for indexes of SQL stores.
type Job struct {
	ID string
	// OrganizationID is the tenant, from authentication.
	OrganizationID   string
	OrganizationName string
	UserID           string `json:",omitzero"`
	Source           Source
	State            State

	Payload Payload
	// Upload is what the sender of an upload was held to; nil for a webhook.
	Upload *Upload `json:",omitzero"`
	// Fingerprint identifies the request under an Idempotency-Key; empty
	// without one.
	Fingerprint string `json:",omitzero"`

	// ResourceCounts by type, of what was read so far or in all. The pipeline counts
	// types that no version of FHIR defines as one, Other.
	ResourceCounts map[string]int64
	// Issues is a JSON array of findings that did not stop the payload, as the
	// pipeline rendered it; stores keep it as it is. Nil if there are none.
	Issues   json.RawMessage `json:",omitempty"`
	Progress Progress

	// Attempt counts claims, from 1; MaxAttempts bounds them.
	Attempt     int
	MaxAttempts int
	// Run counts redrives of a completed job: it makes the keys of its batches
	// new, since its effects are wanted again.
	Run int `json:",omitzero"`
	// BatchResources and BatchBytes bound a batch. They are pinned by the
	// first claim, so that a batch has the same borders in every attempt.
	BatchResources int
	BatchBytes     int64

	// DueAt is when the sweeper must look at the job again: rescue it from a worker that
	// died, look for its upload. Zero if never. While Processing it is the end of the
	// lease; of a job that waits for a worker see [Overdue].
	DueAt time.Time `json:",omitzero"`
	// NotBefore is the earliest time of the next claim, the end of a back-off; of a
	// cancelled job, of clearing away. Zero: at once.
	NotBefore time.Time
	// WaitingSince is when the handler first asked to wait since the last progress or
	// failed attempt; see [Job.Wait]. Zero if it did not.
	WaitingSince time.Time `json:",omitzero"`
	// LeaseOwner is the worker that has the lease; empty if none has.
	LeaseOwner string `json:",omitzero"`

	// Failure is the last error, also while attempts are left.
	Failure *Failure `json:",omitzero"`
	// Outputs of a completed job, as its handler reported them.
	Outputs []Output
	// OutcomesKey is the object that lists rejected resources; empty if none
	// was rejected.
	OutcomesKey string `json:",omitzero"`

	CreatedAt  time.Time
	UpdatedAt  time.Time
	StartedAt  time.Time // first claim
	FinishedAt time.Time
	// Revision is set by the store: 1 when created, one more with each update.
	Revision int64
}

// Payload is where a job's bytes lie and what they are.
type Payload struct {
	Bucket          string
	Key             string
	Size            int64  // bytes
	SHA256          string // lower-case hex; empty until the first attempt if the store does not know it
	ContentType     string
	ContentEncoding string `json:",omitzero"`
	// Version pins the object that was accepted. Where the store can't read a version
	// as such, it counts only until SHA256 is known.
	Version string
	// Format is bundle or ndjson.
	Format     string
	BundleType string
	// Validated: the payload was read to its end and may be handed over.
	Validated bool
	// RemovedAt is when the object was removed, or began to be; see [Job.RemovePayload].
	// Zero while it is kept.
	RemovedAt time.Time `json:",omitzero"`
}

// Upload is what a signed upload was asked to be.
type Upload struct {
	// ExpiresAt is when the URL expires.
	ExpiresAt time.Time
	// Size in bytes and SHA256 in hex as promised; zero if nothing was.
	Size   int64
	SHA256 string
	// MaxSize in bytes that an object may have.
	MaxSize int64
	// Looks counts how often the object was looked for.
	Looks int
}

// Progress never goes back within a run, except where [Job.StartOver] begins it again.
type Progress struct {
	// Done and Rejected resources.
	Done     int64
	Rejected int64
	// Offset, Entries and Lines are the boundary up to which everything was
	// handed over: bytes, entries or lines that are not blank, line feeds.
	Offset  int64
	Entries int64
	Lines   int64
	// Listed outcomes of rejected resources, and their bytes: the others are only
	// counted.
	Listed      int64 `json:",omitempty"`
	ListedBytes int64 `json:",omitempty"`
}

// Failure says why an attempt or a job failed. No field holds payload content.
type Failure struct {
	// Code is stable, for programs; package ingest lists those of the pipeline.
	Code string `json:"code"`
	// Message is for people, the job's sender among them.
	Message string    `json:"message"`
	At      time.Time `json:"at"`
	// Issues is a JSON array of findings, as the pipeline rendered it.
	Issues json.RawMessage `json:"issues,omitempty"`
	// Restart: nothing of the payload was taken, so a redrive starts again instead of
	// going on from the last checkpoint.
	Restart bool `json:"restart,omitempty"`
}

// Output is one object that came out of a job.
type Output struct {
	// Type of the resources in it, or what else it is.
	Type string `json:"type"`
	// Key of the object, in the bucket that the handler writes to.
	Key string `json:"key"`
	// Count of resources in it, and its size in bytes.
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
}

// Clone returns a copy that shares nothing with j.
func (j *Job) Clone() *Job {
	c := *j
	c.ResourceCounts = maps.Clone(j.ResourceCounts)
	c.Issues = slices.Clone(j.Issues)
	c.Outputs = slices.Clone(j.Outputs)
	if j.Upload != nil {
		u := *j.Upload
		c.Upload = &u
	}
	if j.Failure != nil {
		f := *j.Failure
		f.Issues = slices.Clone(j.Failure.Issues)
		c.Failure = &f
	}
	return &c
}

// Stored returns a copy of j as a store keeps it: times in UTC and to the
// microsecond, and what is empty as nil.
func Stored(j *Job) *Job {
	c := j.Clone()
	for _, t := range []*time.Time{&c.DueAt, &c.NotBefore, &c.WaitingSince, &c.CreatedAt, &c.UpdatedAt, &c.StartedAt, &c.FinishedAt, &c.Payload.RemovedAt} {
		*t = stamp(*t)
	}
	if c.Upload != nil {
		c.Upload.ExpiresAt = stamp(c.Upload.ExpiresAt)
	}
	if c.Failure != nil {
		c.Failure.At = stamp(c.Failure.At)
	}
	if len(c.ResourceCounts) == 0 {
		c.ResourceCounts = nil
	}
	return c
}
