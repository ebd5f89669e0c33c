package docjobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fhirdock/fhirdock/jobs"
)

// Names of the document's key and of the fields that are queried.
const (
	KeyField  = "ID"
	SortField = "Sort" // the sort key of a DynamoDB table

	fieldOrg      = "Org"
	fieldOrgState = "OrgState"
	fieldPlace    = "Place"
	fieldDueShard = "DueShard"
	fieldDue      = "Due"
	fieldLine     = "Line"
	fieldOpen     = "Open"
	fieldReady    = "Ready"
	fieldLater    = "Later"
)

// The numbers of shards are part of the schema: a program with other numbers would not
// find all jobs.
const (
	// Leases are in the first half of the due shards, other jobs in the second. Earlier
	// versions put jobs in any shard and query all of them.
	dueShards   = 8
	leaseShards = dueShards / 2
	lineShards  = 4
)

// Separators of the parts of a field. Organizations have no control characters, so all
// jobs of "a" are between "a"+separator and "a"+pastSeparator, and before those of "a-1".
const (
	separator     = "\x01"
	pastSeparator = "\x02"
)

// maxOrganization is the largest size of an organization's id, in bytes. Together with the
// place it is a sort key of DynamoDB, which has at most 1024 bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const maxOrganization = 900

// sortOfJob is the sort key of all documents that are jobs.
const sortOfJob = "job"

// document is a job as the database has it. A field that does not apply is absent, so
// that the document is in no index of it.
type document struct {
	ID       string
	Sort     string `docstore:",omitempty"`
	Record   string // the job as JSON
	Revision int64
	// OrgState is the organization and the state, Place the time of creation and the id.
	Org, OrgState, Place string
	// Due is the due time. DueShard is the partition key of its index; a single partition
	// would be a bottleneck.
	DueShard string `docstore:",omitempty"`
	Due      string `docstore:",omitempty"`
	// Line is organization and Place while the job is unfinished, Open while it is
	// unsettled.
	Line string `docstore:",omitempty"`
	Open string `docstore:",omitempty"`
	// Ready is organization and Place while the job is accepted without a NotBefore. Later
	// is organization, NotBefore and id while the job is accepted or needs clean-up, and
	// has a NotBefore.
	Ready string `docstore:",omitempty"`
	Later string `docstore:",omitempty"`
	// Born is the mark of the creation, and Marks are those of the last updates, by which
	// a writer recognizes its own write; see resolveConflict.
	Born  string
	Marks string

	DocstoreRevision any
}

// head has the fields that an update needs of the document that it replaces.
var head = []string{fieldOrg, fieldPlace, fieldLine, fieldOpen, fieldReady, fieldLater, "Revision", "Born", "Marks"}

// errRecord does not wrap the error of encoding/json, which may quote the record.
var errRecord = fmt.Errorf("%w: it is not the JSON of a job", jobs.ErrRecord)

// newDocument returns the document of a normalized job.
func newDocument(job *jobs.Job) (*document, error) {
	record, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("encode job: %w", err)
	}
	d := &document{
		ID: job.ID, Record: string(record), Revision: job.Revision,
		Org: job.OrganizationID, OrgState: job.OrganizationID + separator + string(job.State),
		Place: placeOf(jobs.CursorOf(job)),
	}
	if !job.DueAt.IsZero() {
		d.DueShard, d.Due = dueShard(job), sortable(job.DueAt)
	}
	position := d.Org + separator + d.Place
	if job.Unfinished() {
		d.Line = position
	}
	if job.Unsettled() {
		d.Open = position
	}
	switch waits := job.State == jobs.Accepted; {
	case waits && job.NotBefore.IsZero():
		d.Ready = position
	case waits, job.State == jobs.Cancelled && !job.DueAt.IsZero():
		d.Later = d.Org + separator + sortable(job.NotBefore) + job.ID
	}
	return d, nil
}

// job decodes the record. The only error is errRecord.
func (d *document) job() (*jobs.Job, error) {
	var job jobs.Job
	if err := json.Unmarshal([]byte(d.Record), &job); err != nil {
		return nil, errRecord
	}
	created, ok := createdAt(d.Place)
	if !ok || job.ID != d.ID {
		return nil, errRecord
	}
	// Fields that an update can't change.
	job.Revision, job.OrganizationID, job.CreatedAt = d.Revision, d.Org, created
	return &job, nil
}

// checkOrganization returns an error for an organization that can't be part of a field.
// The error does not quote it.
func checkOrganization(id string) error {
	switch {
	case id == "":
		return errors.New("the job has no organization")
	case len(id) > maxOrganization:
		return fmt.Errorf("the organization's id has %d bytes, more than %d", len(id), maxOrganization)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' }):
		return errors.New("the organization's id is not UTF-8 without control characters")
	}
	return nil
}

// sortable encodes a time, to the microsecond, as text of fixed length that sorts by time.
func sortable(t time.Time) string { return fmt.Sprintf("%016x", uint64(t.UnixMicro())^1<<63) }

// lastPlace sorts after all places.
const lastPlace = "g"

func placeOf(c jobs.Cursor) string { return sortable(c.CreatedAt) + c.ID }

// createdAt returns the time in a place.
func createdAt(place string) (time.Time, bool) {
	if len(place) < 16 {
		return time.Time{}, false
	}
	n, err := strconv.ParseUint(place[:16], 16, 64)
	return time.UnixMicro(int64(n ^ 1<<63)).UTC(), err == nil
}

// shard returns the shard of s, one of n.
func shard(s string, n uint32) string { return strconv.Itoa(share(s, n)) }

func share(s string, n uint32) int {
	h := fnv.New32a()
	h.Write([]byte(s))
	return int(h.Sum32() % n)
}

func dueShard(job *jobs.Job) string {
	n := share(job.ID, leaseShards)
	if job.State != jobs.Processing {
		n += leaseShards
	}
	return strconv.Itoa(n)
}
