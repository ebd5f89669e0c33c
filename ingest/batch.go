package ingest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Batch is a run of consecutive resources of one payload. The handler may use it, and
// all bytes in it, until Handle returns; then they are reused.
//
// A test can make a Batch by hand, with just Resources. Without a Job it is treated as
// part of a Bundle.
type Batch struct {
	// Job as claimed. It must not be changed.
	Job *jobs.Job
	// Key identifies the batch: it is the same whenever the batch is redelivered, and
	// unique across all jobs and organizations. Redriving a failed job keeps its keys.
	// Redriving a completed job, or one that failed because nothing was taken, makes new
	// keys, since its effects are wanted again. A key has at most 128 bytes of
	// [a-z0-9./-]; don't parse it.
	Key string
	// Start and End are the byte offsets of the batch in the payload.
	Start, End int64
	// Whole reports that the batch is the whole payload. Transaction, message and
	// document Bundles are always handed over whole.
	Whole bool
	// Transaction reports that the batch is a transaction Bundle, which is all or
	// nothing; see [Batch.Aborted].
	Transaction bool
	// Resources in the order of the payload, without those that the reader has
	// rejected.
	Resources []Resource

	rejected []Outcome
}

// Resource is one entry of a Bundle, or one line of NDJSON. The fields about the
// entry's request are empty if it has none.
type Resource struct {
	// Index of the entry or non-blank line, from 0; Line from 1; Offset of the entry
	// or line in bytes.
	Index  int64
	Line   int64
	Offset int64
	// Type is empty, and Raw nil, for an entry without a resource: a GET, HEAD
	// or DELETE.
	Type string
	// ID of the resource and FullURL of the entry, empty if absent.
	ID      string
	FullURL string
	// Raw is the resource as it was sent, byte for byte.
	Raw []byte

	// Request is Bundle.entry.request as it was sent, byte for byte; nil without one.
	// Don't store a resource with a method other than POST and PUT, or with a POST to
	// an operation: [fhirbundle.InteractionOf] classifies Method and URL.
	Request []byte
	// Method and URL of the request.
	Method string
	URL    string
	// IfNoneExist, IfMatch, IfNoneMatch and IfModifiedSince of the request; see
	// [fhirbundle.Conditions].
	IfNoneExist     string
	IfMatch         string
	IfNoneMatch     string
	IfModifiedSince string

	rejected bool
}

// Outcome is a line of the outcomes file. It describes one rejected resource.
type Outcome struct {
	// Entry of the Bundle, from 0, or Line of the NDJSON file, from 1.
	Entry *int64 `json:"entry,omitempty"`
	Line  int64  `json:"line,omitempty"`
	// Offset in bytes.
	Offset       int64  `json:"offset"`
	ResourceType string `json:"resourceType,omitempty"`
	// ID of the resource, if it is valid.
	ID     string             `json:"id,omitempty"`
	Issues []fhirbundle.Issue `json:"issues"`
}

// Reject rejects resource i of the batch: the job's outcomes list it with the code and
// the message, which must not contain anything of the payload. If Handle then returns
// an error its rejections are dropped: reject the resource again when the batch is
// redelivered, or it counts as done. Rejecting one resource of a transaction fails the
// whole transaction; see [Batch.Aborted].
//
// It panics if the batch has no resource i. Rejecting a resource twice does nothing.
func (b *Batch) Reject(i int, code, message string) {
	if i < 0 || i >= len(b.Resources) {
		panic(fmt.Sprintf("ingest: Batch.Reject(%d) of a batch with %d resources", i, len(b.Resources)))
	}
	r := &b.Resources[i]
	if r.rejected {
		return
	}
	r.rejected = true
	index := r.Index // a copy: the next batch overwrites the resource
	o := Outcome{Offset: r.Offset, ResourceType: r.Type, ID: listedID(r.ID), Issues: []fhirbundle.Issue{{
		Code: code, Severity: fhirbundle.SeverityError, Message: message, Entry: &index, Line: r.Line, Offset: r.Offset,
	}}}
	if b.ndjson() {
		o.Line = r.Line
	} else {
		o.Entry = &index
		o.Issues[0].Path = "Bundle.entry[" + strconv.FormatInt(index, 10) + "].resource"
	}
	b.rejected = append(b.rejected, o)
}

// listedID returns the id to show in an outcome: empty for an invalid one, which can be any text.
func listedID(id string) string {
	if !fhirID.MatchString(id) {
		return ""
	}
	return id
}

var fhirID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

func (b *Batch) ndjson() bool {
	return b.Job != nil && b.Job.Payload.Format == string(fhirbundle.FormatNDJSON)
}

// IsRejected reports whether resource i of the batch was rejected by [Batch.Reject].
func (b *Batch) IsRejected(i int) bool { return b.Resources[i].rejected }

// Rejected returns the batch's rejections so far: first the reader's, from before Handle
// was called, then those of [Batch.Reject], in the order of the calls. The caller owns
// the slice.
func (b *Batch) Rejected() []Outcome { return slices.Clone(b.rejected) }

// Aborted reports whether the batch is a transaction with a rejected resource, so that
// none may be stored. Check it before committing: if it is true, roll back and return
// nil, and the worker fails the job.
func (b *Batch) Aborted() bool { return b.Transaction && len(b.rejected) > 0 }

// abort rejects the rest of a transaction.
func (b *Batch) abort() {
	for i := range b.Resources {
		b.Reject(i, CodeTransactionRejected, "Not taken, because another entry of its transaction was rejected")
	}
}
