package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxBody is the maximum size in bytes of a body that [Decode] accepts.
const MaxBody = 64 << 10

// ErrMessage is matched by the errors of [Decode].
var ErrMessage = errors.New("queue: not a wake-up")

// Message is a wake-up. fhirdock's own worker only uses JobID; the rest is for other
// consumers of the topic.
type Message struct {
	JobID            string `json:"jobId"`
	Bucket           string `json:"bucket"`
	Key              string `json:"key"`
	OrganizationID   string `json:"organizationId"`
	OrganizationName string `json:"organizationName"`
	UserID           string `json:"userId"`
	Source           string `json:"source"`
	FileSize         int64  `json:"fileSize"` // bytes
	// Timestamp is encoded as [TimeFormat].
	Timestamp time.Time `json:"timestamp"`
	// S3Bucket and S3Key repeat Bucket and Key if the bucket is on S3, for consumers of
	// fhirdock's predecessor.
	S3Bucket string `json:"s3Bucket,omitempty"`
	S3Key    string `json:"s3Key,omitempty"`
}

// Encode returns the message's body.
func (m Message) Encode() ([]byte, error) {
	type plain Message
	at, err := timestamp(m.Timestamp)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(struct {
		plain
		Timestamp string `json:"timestamp"`
	}{plain(m), at})
	if err != nil {
		return nil, fmt.Errorf("queue: encode message: %w", err)
	}
	return body, nil
}

// Decode parses a body and ignores unknown members. It returns ErrMessage if the body is
// not JSON, is longer than [MaxBody], or has no jobId of 1 to 128 characters of
// [A-Za-z0-9-]. The error contains nothing of the body.
func Decode(body []byte) (Message, error) {
	if len(body) > MaxBody {
		return Message{}, fmt.Errorf("%w: longer than %d bytes", ErrMessage, MaxBody)
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		// An error of encoding/json may quote the body.
		return Message{}, fmt.Errorf("%w: not the expected JSON object", ErrMessage)
	}
	if !validID(m.JobID) {
		return Message{}, fmt.Errorf("%w: jobId must be 1 to 128 characters of [A-Za-z0-9-]", ErrMessage)
	}
	return m, nil
}

func validID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return true
}
