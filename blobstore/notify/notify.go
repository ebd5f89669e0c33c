// Package notify decodes the notifications that object stores send when an object is
// created, and receives them over HTTP.
//
// Treat a notification as a hint to look the object up, not as a fact: anyone who can reach
// the queue can send one.
//
// # Formats
//
// [Decode] and [NewHandler] recognize these formats by their shape:
//
//	S3                  to SQS, or through SNS with raw message delivery
//	S3-compatible       webhook, AMQP, NATS, Kafka
//	S3 through SNS      to SQS, or over HTTPS
//	EventBridge         to SQS, to an API destination, or through SNS
//	GCS                 Pub/Sub, pulled or pushed
//	Azure Event Grid    both schemas; webhook, Service Bus, Storage queue
//	fhirdock's own      ObjectCreated.Encode, for dirblob for example
//
// Go CDK's SQS driver removes SNS's envelope, unless it is configured for raw messages. Both
// are decoded.
//
// # Other events
//
// Test events, deletions, other events, unknown versions and malformed records are counted
// in [Batch.Ignored]. The other records of the message are decoded. An error matches
// [ErrFormat] and means that the message is not a notification: count and acknowledge it,
// because a retry would not help. Counts and errors contain nothing of the message.
//
// # Limits
//
// A message has at most [MaxBody] bytes and [MaxRecords] records; otherwise the error also
// matches [ErrTooLarge]. A key has at most 4096 bytes. Time and memory are proportional to
// the length of the message, whatever it contains. A message is not a notification if a
// member that identifies the format occurs twice.
package notify

import (
	"time"
	"unicode/utf8"
)

// ObjectCreated says that an object may have been created.
type ObjectCreated struct {
	// Bucket and Key as the store names them, decoded. Azure's bucket is the container.
	// Bucket is empty if the sender has only one bucket.
	Bucket string
	Key    string
	// Size in bytes; -1 if unknown.
	Size int64
	// ETag without quotes, and Version, if known. The version of GCS is the generation.
	ETag    string
	Version string
	// Time of the event; zero if unknown.
	Time time.Time
}

// Limits of names in bytes. Keys of S3 and GCS have at most 1024 bytes, names in Azure 1024
// characters.
const (
	maxKey  = 4096
	maxName = 1024
)

// plausible reports whether the names may be those of an object.
func (c *ObjectCreated) plausible() bool {
	return c.Key != "" && len(c.Key) <= maxKey && utf8.ValidString(c.Key) &&
		len(c.Bucket) <= maxName && utf8.ValidString(c.Bucket) &&
		len(c.ETag) <= maxName && len(c.Version) <= maxName
}
