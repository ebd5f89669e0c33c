package notify

import (
	"encoding/json"
	"strings"
)

// bridgeDetail has the used fields of the detail of an S3 event.
type bridgeDetail struct {
	EventVersion string `json:"event-version"`
	Bucket       struct {
		Name string `json:"name"`
	} `json:"bucket"`
	Object struct {
		Key       string `json:"key"`
		Size      *int64 `json:"size"`
		ETag      string `json:"etag"`
		VersionID string `json:"version-id"`
	} `json:"object"`
}

// decodeEventBridge decodes an event that S3 sent through EventBridge, with source aws.s3
// and detail-type "Object Created", whatever its reason (PutObject,
// CompleteMultipartUpload, …). It ignores other events, and events whose version is not 0
// or whose event-version is not 1.x; older events have none.
//
// Schema: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html.
// Unlike in S3 event messages, keys are not encoded: a plus sign or a percent sign is part
// of the key.
func decodeEventBridge(body []byte) (Batch, error) {
	var b Batch
	m, ok := members(body, "version", "source", "detail-type", "time", "detail")
	if !ok || m["detail-type"] == nil || m["detail"] == nil {
		return b, notA("an EventBridge event in JSON, which has detail-type and detail")
	}
	if str(m["version"]) != "0" {
		b.ignore(OtherVersion)
		return b, nil
	}
	if str(m["source"]) != "aws.s3" || str(m["detail-type"]) != "Object Created" {
		b.ignore(OtherEvent)
		return b, nil
	}
	var d bridgeDetail
	if json.Unmarshal(m["detail"], &d) != nil {
		b.ignore(BadRecord)
		return b, nil
	}
	if major, _, _ := strings.Cut(d.EventVersion, "."); major != "" && major != "1" {
		b.ignore(OtherVersion)
		return b, nil
	}
	b.create(ObjectCreated{
		Bucket: d.Bucket.Name, Key: d.Object.Key, Size: sizeOf(d.Object.Size),
		ETag: d.Object.ETag, Version: d.Object.VersionID, Time: parseStamp(str(m["time"])).Time,
	})
	return b, nil
}
