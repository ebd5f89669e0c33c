// Package notify decodes the notifications that object stores send when an
// object was created, into one type, and takes them over HTTP.
//
// What a notification says is a hint to look, never a fact to act on: anyone
// who can reach the queue can claim anything. Whoever receives one looks the
// object up.
//
// # Formats
//
// [Decode] tells them apart by their shape; each has a decoder of its own, whose
// comment cites the schema.
//
//	S3                  to SQS, or by SNS with raw message delivery  DecodeS3
//	  ... compatible    webhook, AMQP, NATS, Kafka                   DecodeS3
//	S3 by SNS           to SQS, or over HTTPS                        DecodeSNS
//	S3 by EventBridge   to SQS, or to an API destination             DecodeEventBridge
//	  ... and SNS       an event in SNS's envelope                   DecodeSNS
//	GCS by Pub/Sub      pulled                                       DecodeGCS
//	  ... pushed        over HTTPS                                   DecodePubSubPush
//	Azure Event Grid    both schemas; webhook, Service Bus           DecodeEventGrid
//	  ... Storage queue the same in base64                           Decode
//	fhirdock's own      ObjectCreated.Encode, such as for dirblob    DecodeObjectCreated
//
// Go CDK's driver for SQS takes SNS's envelope off by itself, unless it is told
// that messages are raw; both come out the same here.
//
// # What is not a creation
//
// Test events, deletions, events of other kinds, versions that are not known
// and records that can't be read are counted in [Batch.Ignored] and never
// returned; none of them keeps the others of its message from being read. An
// error matches [ErrFormat] and means that the message as a whole is no
// notification: whoever received it counts it and acknowledges it, since it will
// never be one. Counts and errors hold nothing of the message.
//
// # Limits
//
// A message has at most [MaxBody] bytes and [MaxRecords] records, and a record
// names a key of at most 4096 bytes. The error for one with more matches [ErrTooLarge]
// too. Time and memory grow with the length of the
// message and with nothing else, however deep it is nested and whatever is in it
// twice. A member that tells the format and is in an object twice makes the
// message none.
package notify

import (
	"time"
	"unicode/utf8"
)

// ObjectCreated says that an object may have been created.
type ObjectCreated struct {
	// Bucket and Key as the store names them, decoded; the bucket of Azure is the
	// container. Bucket is empty where the notification comes from the one bucket
	// that there is.
	Bucket string
	Key    string
	// Size in bytes, -1 where the notification does not say.
	Size int64
	// ETag without quotes, and Version, where the notification has them. The
	// version of GCS is the generation.
	ETag    string
	Version string
	// Time of the event; zero where it is not known.
	Time time.Time
}

// What names may have at most, in bytes. Keys of S3 and GCS have 1024 bytes, names
// of Azure 1024 characters.
const (
	maxKey  = 4096
	maxName = 1024
)

// plausible reports whether an object can have such names.
func (c *ObjectCreated) plausible() bool {
	return c.Key != "" && len(c.Key) <= maxKey && utf8.ValidString(c.Key) &&
		len(c.Bucket) <= maxName && utf8.ValidString(c.Bucket) &&
		len(c.ETag) <= maxName && len(c.Version) <= maxName
}
