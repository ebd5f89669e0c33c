package notify

import (
	"encoding/json"
	"net/url"
	"strings"
)

// s3Record is a record of the event message structure, as far as it is used here.
type s3Record struct {
	EventVersion string `json:"eventVersion"`
	EventTime    stamp  `json:"eventTime"`
	EventName    string `json:"eventName"`
	S3           struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      *int64 `json:"size"`
			ETag      string `json:"eTag"`
			VersionID string `json:"versionId"`
		} `json:"object"`
	} `json:"s3"`
}

// DecodeS3 reads an event message as S3 sends it to a queue or a function, and
// as S3-compatible servers send it to their targets, with EventName and Key beside the
// records. Records of eventVersion 2.x that tell of an ObjectCreated are
// returned, with their keys decoded; all others are counted by reason, and no
// single one keeps the rest from being read. ErrFormat if the body is no event
// message. The error holds nothing of the body.
//
// The schemas are those of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
// and of event.Log in
// https://github.com/minio/minio/blob/master/internal/event/event.go.
func DecodeS3(body []byte) (Batch, error) {
	var b Batch
	if err := tooLong(body); err != nil {
		return b, err
	}
	m, ok := members(body, "Records", "Service", "Event")
	if !ok {
		return b, notA("an S3 event message in JSON")
	}
	if m["Records"] == nil {
		if str(m["Event"]) == "s3:TestEvent" {
			b.ignore(TestEvent)
			return b, nil
		}
		return b, notA("an S3 event message, which has Records")
	}
	records, err := elements(m["Records"], "an S3 event message with a list of records")
	if err != nil {
		return b, err
	}
	for _, record := range records {
		var r s3Record
		if json.Unmarshal(record, &r) != nil {
			b.ignore(BadRecord)
			continue
		}
		b.addS3(&r)
	}
	return b, nil
}

func (b *Batch) addS3(r *s3Record) {
	if major, _, _ := strings.Cut(r.EventVersion, "."); major != "2" {
		b.ignore(OtherVersion)
		return
	}
	// In the event the name has no prefix; S3-compatible servers and the configuration of
	// notifications write s3:ObjectCreated.
	if !strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:") {
		b.ignore(OtherEvent)
		return
	}
	// "The object key name value is URL encoded", and a space is a plus sign.
	key, err := url.QueryUnescape(r.S3.Object.Key)
	if err != nil {
		b.ignore(BadRecord)
		return
	}
	b.create(ObjectCreated{
		Bucket: r.S3.Bucket.Name, Key: key, Size: sizeOf(r.S3.Object.Size),
		ETag: r.S3.Object.ETag, Version: r.S3.Object.VersionID, Time: r.EventTime.Time,
	})
}
