package queue

import (
	"encoding/json"
	"fmt"
	"time"
)

// S3Message is a message that names an object by s3Bucket and s3Key, as sent by fhirdock's
// predecessor, a Python service on AWS Lambda. It is not a wake-up: its job belongs to the
// other service.
type S3Message struct {
	JobID            string `json:"jobId"`
	Bucket           string `json:"s3Bucket"`
	Key              string `json:"s3Key"`
	OrganizationID   string `json:"organizationId"`
	OrganizationName string `json:"organizationName,omitempty"`
	UserID           string `json:"userId,omitempty"`
	// Source is presigned_upload for an upload, and empty for a webhook.
	Source   string `json:"source,omitempty"`
	FileSize int64  `json:"fileSize,omitempty"` // bytes
	// Timestamp is encoded as [TimeFormat].
	Timestamp time.Time `json:"-"`
}

// Encode returns the message's body. For a webhook it always includes organizationName and
// userId, null if empty; for an upload it includes fileSize instead.
func (m S3Message) Encode() ([]byte, error) {
	type plain S3Message
	at, err := timestamp(m.Timestamp)
	if err != nil {
		return nil, err
	}
	body := struct {
		plain
		OrganizationName any    `json:"organizationName,omitempty"`
		UserID           any    `json:"userId,omitempty"`
		FileSize         any    `json:"fileSize,omitempty"`
		Timestamp        string `json:"timestamp"`
	}{plain: plain(m), Timestamp: at}
	if m.Source == "" {
		body.OrganizationName, body.UserID = given(m.OrganizationName), given(m.UserID)
	} else {
		body.FileSize = m.FileSize
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("queue: encode message: %w", err)
	}
	return encoded, nil
}

// given returns nil for an empty string.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// DecodeS3Message parses a message that names an object by s3Bucket and s3Key, not by
// bucket and key as a wake-up does. Unknown members, and members of the wrong type, are
// ignored. It returns ErrMessage for anything else, or if body is longer than [MaxBody].
// The error contains nothing of the body.
func DecodeS3Message(body []byte) (S3Message, error) {
	if len(body) > MaxBody {
		return S3Message{}, fmt.Errorf("%w: longer than %d bytes", ErrMessage, MaxBody)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return S3Message{}, fmt.Errorf("%w: not the expected JSON object", ErrMessage)
	}
	text := func(name string) (s string) {
		_ = json.Unmarshal(members[name], &s) // left empty if of another type
		return s
	}
	m := S3Message{
		JobID: text("jobId"), Bucket: text("s3Bucket"), Key: text("s3Key"),
		OrganizationID: text("organizationId"), OrganizationName: text("organizationName"), UserID: text("userId"),
		Source: text("source"),
	}
	_ = json.Unmarshal(members["fileSize"], &m.FileSize)
	m.Timestamp, _ = time.Parse(time.RFC3339Nano, text("timestamp"))
	if m.Bucket == "" || m.Key == "" || text("bucket") != "" || text("key") != "" {
		return S3Message{}, fmt.Errorf("%w: no s3Bucket and s3Key, or a wake-up", ErrMessage)
	}
	return m, nil
}
