package sqljobs

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// row has the arguments of a statement for one job, its id first: string, line, int64 or
// nil.
type row []any

func (r row) id() string { return r[0].(string) }

// micros returns a time as stored in a column; nil if it is zero.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// columns of a stored job, in the order of stored.columns.
const columns = "id, record, revision, organization_id, created_at"

type stored struct {
	id                string
	record            []byte
	revision, created int64
	organization      string
}

// cursor returns the position of the job in a list.
func (s *stored) cursor() jobs.Cursor {
	return jobs.Cursor{CreatedAt: time.UnixMicro(s.created).UTC(), ID: s.id}
}

// columns returns the destinations for scanning columns.
func (s *stored) columns() []any {
	return []any{&s.id, &s.record, &s.revision, &s.organization, &s.created}
}

func scanStored(rows *sql.Rows) (*stored, error) {
	row := new(stored)
	return row, rows.Scan(row.columns()...)
}

// errRecord does not wrap the error of encoding/json, which may quote the record.
var errRecord = fmt.Errorf("%w: it is not the JSON of a job", jobs.ErrRecord)

// job decodes the record. The only error is errRecord.
func (s *stored) job() (*jobs.Job, error) {
	var job jobs.Job
	if err := json.Unmarshal(s.record, &job); err != nil || job.ID != s.id {
		return nil, errRecord
	}
	// Fields that an update can't change.
	job.Revision, job.OrganizationID, job.CreatedAt = s.revision, s.organization, time.UnixMicro(s.created).UTC()
	return &job, nil
}
