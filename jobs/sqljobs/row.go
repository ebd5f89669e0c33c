package sqljobs

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// row is what a statement has for one job, its id first: strings, lines, int64s, nil.
type row []any

func (r row) id() string { return r[0].(string) }

// micros is a time as the columns have it; nil for none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// columns are those of a stored job.
const columns = "id, record, revision, organization_id, created_at"

type stored struct {
	id                string
	record            []byte
	revision, created int64
	organization      string
}

// cursor is the place of a job in a list.
func (s *stored) cursor() jobs.Cursor {
	return jobs.Cursor{CreatedAt: time.UnixMicro(s.created).UTC(), ID: s.id}
}

// columns are where to scan them.
func (s *stored) columns() []any {
	return []any{&s.id, &s.record, &s.revision, &s.organization, &s.created}
}

func scanStored(rows *sql.Rows) (*stored, error) {
	row := new(stored)
	return row, rows.Scan(row.columns()...)
}

// errRecord does not wrap what encoding/json says, which may quote the record.
var errRecord = fmt.Errorf("%w: it is not the JSON of a job", jobs.ErrRecord)

// job decodes the record. The only error is errRecord.
func (s *stored) job() (*jobs.Job, error) {
	var job jobs.Job
	if err := json.Unmarshal(s.record, &job); err != nil || job.ID != s.id {
		return nil, errRecord
	}
	// What an update can't change is what its column says.
	job.Revision, job.OrganizationID, job.CreatedAt = s.revision, s.organization, time.UnixMicro(s.created).UTC()
	return &job, nil
}
