package jobs

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Source says how a payload was received.
type Source string

const (
	// Webhook: the payload was the body of a request.
	Webhook Source = "webhook"
	// PresignedUpload: the payload was uploaded to a signed URL.
	PresignedUpload Source = "presigned_upload"
	// Adopted: the payload was found in the bucket, where it was put without a signed
	// URL.
	Adopted Source = "adopted"
)

// Job is the record of one payload. It is plain data. Times are UTC, stored to the
// microsecond. In JSON, fields that most jobs don't use are omitted when empty;
// StartedAt and NotBefore are always present, because SQL stores index them.
type Job struct {
	ID string
	// OrganizationID is the tenant, from authentication.
	OrganizationID   string
	OrganizationName string
	UserID           string `json:",omitzero"`
	Source           Source
	State            State

	Payload Payload
	// Upload has the terms of a signed upload; nil for other sources.
	Upload *Upload `json:",omitzero"`
	// Fingerprint identifies the request that was sent with an Idempotency-Key; empty
	// without a key.
	Fingerprint string `json:",omitzero"`

	// ResourceCounts counts the resources read so far by type. Types that no version of
	// FHIR defines are counted together as Other.
	ResourceCounts map[string]int64
	// Issues is a JSON array of validation warnings, rendered by the pipeline. Stores
	// keep it byte for byte. Nil if there are none.
	Issues   json.RawMessage `json:",omitempty"`
	Progress Progress

	// Attempt counts claims, from 1. MaxAttempts limits how many in a row may make no
	// progress; see [Job.InVain].
	Attempt     int
	MaxAttempts int
	// Furthest is the furthest point of the payload that this run has reached.
	Furthest Furthest `json:",omitzero"`
	// Run counts redrives that start again. It is part of every batch's key, because a
	// new run wants its effects again.
	Run int `json:",omitzero"`
	// BatchResources and BatchBytes bound a batch. The first claim pins them, so that
	// batches are cut at the same places in every attempt.
	BatchResources int
	BatchBytes     int64

	// DueAt is when the sweeper must look at the job again, to rescue it from a dead
	// worker or to look for its upload. Zero means never. While Processing it is the end
	// of the lease; for a job that waits for a worker, see [Overdue].
	DueAt time.Time `json:",omitzero"`
	// NotBefore is the earliest time of the next claim (the end of a back-off), or of the
	// clean-up of a cancelled job. Zero means now.
	NotBefore time.Time
	// WaitingSince is when the handler first asked to wait since the last progress or
	// failed attempt; see [Job.Wait]. Zero if it did not.
	WaitingSince time.Time `json:",omitzero"`
	// LeaseOwner is the claim that has the lease; empty if there is no lease.
	LeaseOwner string `json:",omitzero"`

	// Failure is the last error, even while attempts are left.
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

// Payload says where a job's bytes are stored and what they are.
type Payload struct {
	Bucket          string
	Key             string
	Size            int64  // bytes
	SHA256          string // lower-case hex; may be empty until the first attempt has read the object
	ContentType     string
	ContentEncoding string `json:",omitzero"`
	// Version pins the object that was accepted. If the bucket can't read an object by
	// version, it is only checked until SHA256 is known.
	Version string
	// Format is bundle or ndjson.
	Format     string
	BundleType string
	// Validated is set once the payload was read to its end and may be handed over.
	Validated bool
	// RemovedAt is when removal of the object began; see [Job.RemovePayload]. Zero while
	// the object is kept.
	RemovedAt time.Time `json:",omitzero"`
}

// Upload has the terms of a signed upload.
type Upload struct {
	// ExpiresAt is when the URL expires.
	ExpiresAt time.Time
	// Size in bytes and SHA256 in hex as the sender declared them; zero if not declared.
	Size   int64
	SHA256 string
	// MaxSize is the largest size allowed, in bytes.
	MaxSize int64
	// Looks counts the sweeper's looks that did not find the object.
	Looks int
}

// Progress says how much of a payload was handed over. It never goes back within a run,
// except with [Job.StartOver].
type Progress struct {
	// Done and Rejected count resources.
	Done     int64
	Rejected int64
	// Everything before this point was handed over: Offset in bytes, Entries in entries
	// or non-blank lines, Lines in line feeds.
	Offset  int64
	Entries int64
	Lines   int64
	// Listed and ListedBytes count the outcomes that were written to the outcomes file,
	// which is bounded, and their bytes.
	Listed      int64 `json:",omitempty"`
	ListedBytes int64 `json:",omitempty"`
}

// Furthest is the furthest point that a run has reached. [Job.StartOver] does not reset it.
type Furthest struct {
	Offset  int64 // bytes
	Attempt int   // the attempt that reached it
}

// Failure says why an attempt or a job failed. No field contains payload content.
type Failure struct {
	// Code is stable, for programs; package ingest lists those of the pipeline.
	Code string `json:"code"`
	// Message is for people, including the job's sender.
	Message string    `json:"message"`
	At      time.Time `json:"at"`
	// Issues is a JSON array of findings, rendered by the pipeline.
	Issues json.RawMessage `json:"issues,omitempty"`
	// Restart makes a redrive start again instead of going on from the last checkpoint,
	// because no resource was accepted.
	Restart bool `json:"restart,omitempty"`
}

// Output is one object that a job produced.
type Output struct {
	// Type of the resources in it, or what else it contains.
	Type string `json:"type"`
	// Key of the object in the bucket that the handler writes to.
	Key string `json:"key"`
	// Count is the number of resources in it, and Bytes its size.
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

// Normalize returns a copy of j as stores keep it: times in UTC, truncated to the
// microsecond, and no empty map.
func Normalize(j *Job) *Job {
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
