package jobs

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// Cursor is a place in a list of jobs: behind the job with this time and id.
// Stores share its form.
type Cursor struct {
	CreatedAt time.Time
	ID        string
}

// CursorOf is the place behind a job.
func CursorOf(j *Job) Cursor { return Cursor{CreatedAt: j.CreatedAt, ID: j.ID} }

// Compare orders places by time and then id: negative if c is before d.
func (c Cursor) Compare(d Cursor) int {
	return cmp.Or(c.CreatedAt.Compare(d.CreatedAt), cmp.Compare(c.ID, d.ID))
}

// String is the cursor as callers see it: opaque, and safe in a URL.
func (c Cursor) String() string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(c.CreatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, c.ID...))
}

// ParseCursor reads what String wrote. ErrCursor if it is anything else.
func ParseCursor(s string) (Cursor, error) {
	// base64 passes over line ends wherever they stand.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") || len(raw) < 8 || !ValidID(string(raw[8:])) {
		return Cursor{}, ErrCursor
	}
	return Cursor{
		CreatedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(),
		ID:        string(raw[8:]),
	}, nil
}
