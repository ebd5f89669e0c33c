package notify

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxBody is the largest notification in bytes, which is the limit of SQS and Event
	// Grid.
	MaxBody = 1 << 20
	// MaxRecords is how many records a message may have. Event Grid sends at most 5,000.
	MaxRecords = 10_000
)

var (
	// ErrFormat: the message is not a notification.
	ErrFormat = errors.New("notify: not a notification")
	// ErrTooLarge: the message is longer than MaxBody or has more than MaxRecords records.
	// Its errors also match ErrFormat. Nothing of the message was decoded.
	ErrTooLarge = errors.New("too large")
)

// Batch is the content of a message.
type Batch struct {
	Created []ObjectCreated
	// Ignored counts the other records by reason. If the numbers grow, an event filter is
	// probably wrong.
	Ignored map[Reason]int
}

// Reason is why a record was ignored.
type Reason string

const (
	// TestEvent: the message that S3 sends when notifications are configured.
	TestEvent Reason = "test_event"
	// Subscription: the start or end of a subscription of SNS or Event Grid. [NewHandler]
	// handles the start.
	Subscription Reason = "subscription"
	// OtherEvent: not the creation of an object.
	OtherEvent Reason = "other_event"
	// Unfinished: an event of Azure for an object whose content may not be complete yet.
	Unfinished Reason = "unfinished"
	// OtherVersion: an unknown version of the schema.
	OtherVersion Reason = "other_version"
	// BadRecord: the bucket or key is missing, malformed, or not valid in any store.
	BadRecord Reason = "bad_record"
	// Junk: a message with [ErrFormat]; TooLarge: one with [ErrTooLarge]. Decode does not
	// count these, but [NewHandler] does; other receivers use [ReasonOf].
	Junk     Reason = "junk"
	TooLarge Reason = "too_large"
)

func (b *Batch) ignore(why Reason) {
	if b.Ignored == nil {
		b.Ignored = make(map[Reason]int)
	}
	b.Ignored[why]++
}

// create adds an object of a store whose notifications have a bucket.
func (b *Batch) create(c ObjectCreated) {
	if c.Bucket == "" {
		b.ignore(BadRecord)
		return
	}
	b.createIn(c)
}

// createIn adds an object, which may have no bucket.
func (b *Batch) createIn(c ObjectCreated) {
	if c.Size < 0 {
		c.Size = -1
	}
	c.ETag = strings.Trim(c.ETag, `"`)
	if !c.plausible() {
		b.ignore(BadRecord)
		return
	}
	b.Created = append(b.Created, c)
}

// sizeOf returns a size, or -1 if there is none.
func sizeOf(size *int64) int64 {
	if size == nil {
		return -1
	}
	return *size
}

// notA returns the error for a message that does not have the named form.
func notA(form string) error { return fmt.Errorf("%w: not %s", ErrFormat, form) }

func tooLong(body []byte) error {
	if len(body) > MaxBody {
		return fmt.Errorf("%w: %w: longer than %d bytes", ErrFormat, ErrTooLarge, MaxBody)
	}
	return nil
}

// ReasonOf returns the Reason for a message that could not be decoded: TooLarge or Junk.
func ReasonOf(err error) Reason {
	if errors.Is(err, ErrTooLarge) {
		return TooLarge
	}
	return Junk
}
