package jobs

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// Cursor is a position in a list of jobs: after the job with this time and id.
// All stores use the same encoding.
type Cursor struct {
	CreatedAt time.Time
	ID        string
}

// CursorOf returns the position after a job.
func CursorOf(j *Job) Cursor { return Cursor{CreatedAt: j.CreatedAt, ID: j.ID} }

// Compare orders cursors by time and then id: negative if c is before d.
func (c Cursor) Compare(d Cursor) int {
	return cmp.Or(c.CreatedAt.Compare(d.CreatedAt), cmp.Compare(c.ID, d.ID))
}

// String encodes the cursor as an opaque string that is safe in a URL.
func (c Cursor) String() string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(c.CreatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, c.ID...))
}

// ParseCursor parses what String wrote. It returns ErrCursor for anything else.
func ParseCursor(s string) (Cursor, error) {
	// The base64 package skips line ends, which String never writes.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") || len(raw) < 8 || !ValidID(string(raw[8:])) {
		return Cursor{}, ErrCursor
	}
	return Cursor{
		CreatedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(),
		ID:        string(raw[8:]),
	}, nil
}
