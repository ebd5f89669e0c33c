package ingest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
)

// Batch is a run of resources of one payload. It, and all bytes in it, are the
// handler's until Handle returns, and are reused after that.
//
// A test can make one by hand: only Resources is needed. Without a Job it is taken for
// one of a Bundle.
type Batch struct {
	// Job as claimed; not to be changed.
	Job *jobs.Job
	// Key is the same whenever this batch is handed over, and no other batch's,
	// of whichever organization. The redrive of a failed job keeps the keys. That of a
	// completed one makes new ones, since its effects are wanted again, and so does
	// that of one of which nothing was taken. At most 128 bytes of [a-z0-9./-]; don't
	// parse them.
	Key string
	// Start and End are the byte offsets in the payload between which the
	// batch lies.
	Start, End int64
	// Whole: the batch is all that there is in the payload. Transaction,
	// message and document Bundles always come whole.
	Whole bool
	// Transaction: the batch is a transaction Bundle. All of its resources are taken
	// or none; see [Batch.Aborted].
	Transaction bool
	// Resources in the order of the payload. Those that were refused already
	// when they were read are not among them.
	Resources []Resource

	rejected []Outcome
}

// Resource is one entry of a Bundle, or one line of NDJSON. What it says of the
// entry's request is empty where the entry has none.
type Resource struct {
	// Index of the entry, or of the line that is not blank, from 0; Line from
	// 1; Offset of the entry or line in bytes.
	Index  int64
	Line   int64
	Offset int64
	// Type is empty, and Raw nil, for an entry without a resource: a GET, HEAD
	// or DELETE.
	Type string
	// ID of the resource and FullURL of the entry, empty where absent.
	ID      string
	FullURL string
	// Raw is the resource as it was sent, byte for byte.
	Raw []byte

	// Request is Bundle.entry.request as it was sent, byte for byte; nil without one.
	// A resource comes with other methods than POST and PUT too, and then is not one
	// to keep: [fhirbundle.InteractionOf] Method and URL says what is asked for.
	Request []byte
	// Method and URL of the request.
	Method string
	URL    string
	// IfNoneExist, IfMatch, IfNoneMatch and IfModifiedSince of the request, as they
	// are in [fhirbundle.Conditions].
	IfNoneExist     string
	IfMatch         string
	IfNoneMatch     string
	IfModifiedSince string

	rejected bool
}

// Outcome says what became of one resource that was not taken: a line of the
// outcomes file.
type Outcome struct {
	// Entry of the Bundle, from 0, or Line of the NDJSON file, from 1.
	Entry *int64 `json:"entry,omitempty"`
	Line  int64  `json:"line,omitempty"`
	// Offset in bytes.
	Offset       int64  `json:"offset"`
	ResourceType string `json:"resourceType,omitempty"`
	// ID of the resource, if it has one that is valid.
	ID     string             `json:"id,omitempty"`
	Issues []fhirbundle.Issue `json:"issues"`
}

// Reject rejects resource i of the batch: it is listed in the job's outcomes
// with a code and a message, which must hold nothing of the payload. It does not
// count where Handle returns an error: when the batch is handed over again the
// resource must be rejected again, or it is counted as done. Rejecting one resource
// of a transaction fails all of it; see [Batch.Aborted].
//
// It panics if the batch has no resource i. Rejecting one again does nothing.
func (b *Batch) Reject(i int, code, message string) {
	if i < 0 || i >= len(b.Resources) {
		panic(fmt.Sprintf("ingest: Batch.Reject(%d) of a batch with %d resources", i, len(b.Resources)))
	}
	r := &b.Resources[i]
	if r.rejected {
		return
	}
	r.rejected = true
	index := r.Index // not the resource's own, which is overwritten by the next batch
	o := Outcome{Offset: r.Offset, ResourceType: r.Type, ID: listedID(r.ID), Issues: []fhirbundle.Issue{{
		Code: code, Severity: fhirbundle.Error, Message: message, Entry: &index, Line: r.Line, Offset: r.Offset,
	}}}
	if b.ndjson() {
		o.Line = r.Line
	} else {
		o.Entry = &index
		o.Issues[0].Path = "Bundle.entry[" + strconv.FormatInt(index, 10) + "].resource"
	}
	b.rejected = append(b.rejected, o)
}

// listedID is the id that an outcome names: one that is no id of FHIR can be any text.
func listedID(id string) string {
	if !fhirID.MatchString(id) {
		return ""
	}
	return id
}

var fhirID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

func (b *Batch) ndjson() bool {
	return b.Job != nil && b.Job.Payload.Format == string(fhirbundle.NDJSON)
}

// IsRejected reports whether resource i of the batch was rejected by [Batch.Reject].
func (b *Batch) IsRejected(i int) bool { return b.Resources[i].rejected }

// Rejected returns what was rejected of the batch so far, in the order in which it
// was: by the reader before Handle was called, then by [Batch.Reject]. The slice is
// the caller's.
func (b *Batch) Rejected() []Outcome { return slices.Clone(b.rejected) }

// Aborted reports whether the batch is a transaction of which a resource was
// rejected, so that none may be taken. A handler looks before it commits: if it is
// true it makes no effects and returns nil, and the worker fails the job.
func (b *Batch) Aborted() bool { return b.Transaction && len(b.rejected) > 0 }

// abort rejects what is left of a transaction.
func (b *Batch) abort() {
	for i := range b.Resources {
		b.Reject(i, CodeTransactionRejected, "Not taken, because another entry of its transaction was rejected")
	}
}
