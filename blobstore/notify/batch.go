package notify

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxBody is the largest notification that is read, in bytes: what SQS and
	// Event Grid carry.
	MaxBody = 1 << 20
	// MaxRecords is how many records one message may have. Event Grid puts 5,000 into
	// one at most.
	MaxRecords = 10_000
)

var (
	// ErrFormat is matched by the error for what is no notification at all.
	ErrFormat = errors.New("notify: not a notification")
	// ErrTooLarge is matched, besides ErrFormat, by the error for a message that is
	// longer than MaxBody or has more than MaxRecords records. None of it was read.
	ErrTooLarge = errors.New("too large")
)

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
	// Subscription: the beginning or end of a subscription, of SNS or of Event
	// Grid. [NewHandler] takes part in the former.
	Subscription Reason = "subscription"
	// OtherEvent: not the creation of an object.
	OtherEvent Reason = "other_event"
	// Unfinished: an object that was opened or begun, whose content may not be
	// complete; see [DecodeEventGrid].
	Unfinished Reason = "unfinished"
	// OtherVersion: a version of the schema that is not known.
	OtherVersion Reason = "other_version"
	// BadRecord: a record without a bucket or key, or with one that can't be
	// decoded or that no store would take.
	BadRecord Reason = "bad_record"
	// Junk: a message for which there was [ErrFormat], and TooLarge one for which there
	// was [ErrTooLarge]. No decoder counts them; the receiver of messages does.
	Junk     Reason = "junk"
	TooLarge Reason = "too_large"
)

func (b *Batch) ignore(why Reason) {
	if b.Ignored == nil {
		b.Ignored = make(map[Reason]int)
	}
	b.Ignored[why]++
}

// create adds an object of a store that names its bucket.
func (b *Batch) create(c ObjectCreated) {
	if c.Bucket == "" {
		b.ignore(BadRecord)
		return
	}
	b.createIn(c)
}

// createIn adds an object, of the one bucket that there is if it names none.
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

// sizeOf is what a notification says of a size.
func sizeOf(size *int64) int64 {
	if size == nil {
		return -1
	}
	return *size
}

// notA is the error for a message that is not of the named form.
func notA(form string) error { return fmt.Errorf("%w: not %s", ErrFormat, form) }

func tooLong(body []byte) error {
	if len(body) > MaxBody {
		return fmt.Errorf("%w: %w: longer than %d bytes", ErrFormat, ErrTooLarge, MaxBody)
	}
	return nil
}

// ReasonOf is the reason under which a message is counted that could not be decoded.
func ReasonOf(err error) Reason {
	if errors.Is(err, ErrTooLarge) {
		return TooLarge
	}
	return Junk
}
