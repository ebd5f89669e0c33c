package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The type of fhirdock's own notification, before its version.
const (
	ownType    = "fhirdock.object_created."
	ownVersion = "v1"
)

type own struct {
	Type    string `json:"type"`
	Bucket  string `json:"bucket,omitempty"`
	Key     string `json:"key"`
	Size    *int64 `json:"size,omitempty"`
	ETag    string `json:"etag,omitempty"`
	Version string `json:"version,omitempty"`
	Time    *stamp `json:"time,omitempty"`
}

// Encode returns a message that [Decode] and [DecodeObjectCreated] read, for stores
// that have no notifications of their own, such as dirblob: whoever learns of an
// object in one process sends it to the queue of another. The form is stable:
//
//	{"type":"fhirdock.object_created.v1","bucket":"…","key":"…","size":42,"etag":"…","version":"…","time":"2030-01-02T03:04:05.000000Z"}
//
// Members that are not known are left out. It fails for a time that RFC 3339 can't
// express.
func (c ObjectCreated) Encode() ([]byte, error) {
	o := own{Type: ownType + ownVersion, Bucket: c.Bucket, Key: c.Key, ETag: c.ETag, Version: c.Version}
	if c.Size >= 0 {
		o.Size = &c.Size
	}
	if !c.Time.IsZero() {
		o.Time = &stamp{c.Time.UTC()}
	}
	body, err := json.Marshal(o)
	if err != nil { // a year beyond 9999
		return nil, fmt.Errorf("notify: encode notification: %w", err)
	}
	return body, nil
}

// DecodeObjectCreated reads what [ObjectCreated.Encode] wrote. Another version of it
// is counted. ErrFormat if the body is nothing of that kind.
func DecodeObjectCreated(body []byte) (Batch, error) {
	var b Batch
	if err := tooLong(body); err != nil {
		return b, err
	}
	m, ok := members(body, "type")
	version, isOwn := strings.CutPrefix(str(m["type"]), ownType)
	if !ok || !isOwn {
		return b, notA("a notification of fhirdock's own in JSON")
	}
	var o own
	switch {
	case version != ownVersion:
		b.ignore(OtherVersion)
	case json.Unmarshal(body, &o) != nil:
		b.ignore(BadRecord)
	default:
		var at time.Time
		if o.Time != nil {
			at = o.Time.Time
		}
		b.createIn(ObjectCreated{Bucket: o.Bucket, Key: o.Key, Size: sizeOf(o.Size), ETag: o.ETag, Version: o.Version, Time: at})
	}
	return b, nil
}
