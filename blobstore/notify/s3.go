package notify

import (
	"encoding/json"
	"net/url"
	"strings"
)

// s3Record has the used fields of a record of an event message.
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

// decodeS3 decodes an event message of S3, or of an S3-compatible server that adds EventName
// and Key. It returns the ObjectCreated records with eventVersion 2.x and ignores all others.
//
// Schemas:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
// and event.Log in https://github.com/minio/minio/blob/master/internal/event/event.go.
func decodeS3(body []byte) (Batch, error) {
	var b Batch
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
	// S3 sends the name without a prefix, others with "s3:".
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
