package notify

import (
	"encoding/json"
	"strings"
)

// bridgeDetail is the detail of an S3 event, as far as it is used here.
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

// DecodeEventBridge reads an event that S3 sent to EventBridge, as a rule hands it
// on: of source aws.s3 and detail-type "Object Created", whatever its reason
// (PutObject, CompleteMultipartUpload, …). Other events are counted, and so are
// those whose version is not 0 or whose event-version is not 1.x; events had no
// event-version before. ErrFormat if the body is no event of EventBridge.
//
// The schema is that of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html.
// Unlike that of an S3 event message it says nothing of an encoding of keys, and
// keys come as they are: a plus sign or a percent sign is the key's own.
func DecodeEventBridge(body []byte) (Batch, error) {
	var b Batch
	if err := tooLong(body); err != nil {
		return b, err
	}
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
