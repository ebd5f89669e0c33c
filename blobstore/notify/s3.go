package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// MaxBody is the largest notification that is read, in bytes: what SQS carries.
const MaxBody = 256 << 10

// ErrFormat is matched by the error for what is no notification at all.
var ErrFormat = errors.New("notify: not a notification")

// Batch is what one message of a store said.
type Batch struct {
	Created []ObjectCreated
	// Ignored are the records that told of something else, by reason: an
	// operator who sees them grow has an event filter to mend.
	Ignored map[Reason]int
}

// Reason why a record was ignored.
type Reason string

const (
	// TestEvent: what S3 sends when notifications are set up.
	TestEvent Reason = "test_event"
	// OtherEvent: not the creation of an object.
	OtherEvent Reason = "other_event"
	// OtherVersion: an eventVersion that is not 2.x.
	OtherVersion Reason = "other_version"
	// BadRecord: a record without a bucket or key, or with a key that can't be
	// decoded.
	BadRecord Reason = "bad_record"
)

func (b *Batch) ignore(why Reason) {
	if b.Ignored == nil {
		b.Ignored = make(map[Reason]int)
	}
	b.Ignored[why]++
}

// s3Record is a record of the event message structure of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
// as far as it is used here.
type s3Record struct {
	EventVersion string    `json:"eventVersion"`
	EventTime    time.Time `json:"eventTime"`
	EventName    string    `json:"eventName"`
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

// DecodeS3 reads an event message as S3 sends it to a queue or a function.
// Records of eventVersion 2.x that tell of an ObjectCreated are returned, with
// their keys decoded; all others are counted by reason, and no single one keeps
// the rest from being read. ErrFormat if the body is no event message. The error
// holds nothing of the body.
func DecodeS3(body []byte) (Batch, error) {
	var b Batch
	if len(body) > MaxBody {
		return b, fmt.Errorf("%w: longer than %d bytes", ErrFormat, MaxBody)
	}
	var raw struct {
		Records        []json.RawMessage
		Service, Event string
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return b, fmt.Errorf("%w: not an S3 event message in JSON", ErrFormat)
	}
	if raw.Records == nil {
		if raw.Event == "s3:TestEvent" {
			b.ignore(TestEvent)
			return b, nil
		}
		return b, fmt.Errorf("%w: an S3 event message has Records", ErrFormat)
	}
	for _, record := range raw.Records {
		var r s3Record
		if json.Unmarshal(record, &r) != nil {
			b.ignore(BadRecord)
			continue
		}
		b.add(&r)
	}
	return b, nil
}

func (b *Batch) add(r *s3Record) {
	if major, _, _ := strings.Cut(r.EventVersion, "."); major != "2" {
		b.ignore(OtherVersion)
		return
	}
	// In the event the name has no prefix; MinIO and the configuration of
	// notifications write s3:ObjectCreated.
	if !strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:") {
		b.ignore(OtherEvent)
		return
	}
	// "The s3 key … is URL encoded", and a space is a plus sign.
	key, err := url.QueryUnescape(r.S3.Object.Key)
	if err != nil || key == "" || r.S3.Bucket.Name == "" {
		b.ignore(BadRecord)
		return
	}
	size := int64(-1)
	if r.S3.Object.Size != nil {
		size = *r.S3.Object.Size
	}
	b.Created = append(b.Created, ObjectCreated{
		Bucket: r.S3.Bucket.Name, Key: key, Size: size,
		ETag: strings.Trim(r.S3.Object.ETag, `"`), Version: r.S3.Object.VersionID, Time: r.EventTime,
	})
}
