package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The type of fhirdock's own notification is ownType and the version.
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

// Encode returns a message for [Decode], for stores without notifications of their own,
// such as dirblob: a process that creates an object can send it to another. The format is
// stable:
//
//	{"type":"fhirdock.object_created.v1","bucket":"…","key":"…","size":42,"etag":"…","version":"…","time":"2030-01-02T03:04:05.000000Z"}
//
// Unknown members are omitted. It is an error if RFC 3339 can't express the time.
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

// decodeObjectCreated decodes what [ObjectCreated.Encode] wrote. It ignores other versions.
func decodeObjectCreated(body []byte) (Batch, error) {
	var b Batch
	m, ok := members(body, "type")
	version, isOwn := strings.CutPrefix(str(m["type"]), ownType)
	if !ok || !isOwn {
		return b, notA("fhirdock's own notification in JSON")
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
