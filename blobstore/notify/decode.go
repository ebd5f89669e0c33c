package notify

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// maxEnvelopes is how many envelopes may lie around a notification: that of SNS or
// of Pub/Sub's push, or base64, and none in which another is nested deeper.
const maxEnvelopes = 2

// message is what one message said, and what a sender waits for that wants to know
// whether it may send.
type message struct {
	Batch
	subscribe      *SubscriptionRequest
	validationCode string
}

// Decode reads a message in any of the formats of this package, which it tells
// apart by their shape. The attributes are those of the message, as Go CDK has them
// in Message.Metadata; they may be nil, and are needed for Cloud Storage alone,
// whose notifications are made of them. Decode keeps neither. ErrFormat if the
// message is no notification; see the package's comment for what is counted.
func Decode(body []byte, attributes map[string]string) (Batch, error) {
	if err := tooLong(body); err != nil {
		return Batch{}, err
	}
	m, err := read(body, attributes, 0)
	return m.Batch, err
}

func read(body []byte, attributes map[string]string, envelopes int) (message, error) {
	if isGCS(attributes) {
		b, err := DecodeGCS(body, attributes)
		return message{Batch: b}, err
	}
	if envelopes > maxEnvelopes {
		return message{}, notA("one that is known: too many envelopes")
	}
	switch first(body) {
	case '{':
		return readObject(body, envelopes)
	case '[':
		return readGrid(body)
	}
	// Event Grid writes to Storage queues in base64.
	text := bytes.TrimSpace(body)
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(plain, text)
	if err != nil || n == 0 {
		return message{}, notA("JSON, and not JSON in base64")
	}
	return read(plain[:n], nil, envelopes+1)
}

// readObject tells by the names of its members what an object is.
func readObject(body []byte, envelopes int) (message, error) {
	m, ok := members(body, "Records", "Event", "Type", "TopicArn", "detail-type", "message", "subscription", "specversion", "eventType", "type")
	var decode func([]byte) (Batch, error)
	switch {
	case !ok:
		return message{}, notA("JSON, or ambiguous")
	case m["Records"] != nil, str(m["Event"]) == "s3:TestEvent":
		decode = DecodeS3
	case m["Type"] != nil && m["TopicArn"] != nil:
		return readSNS(body, envelopes)
	case m["detail-type"] != nil:
		decode = DecodeEventBridge
	case m["message"] != nil && m["subscription"] != nil:
		return readPush(body, envelopes)
	case m["specversion"] != nil, m["eventType"] != nil:
		return readGrid(body)
	case strings.HasPrefix(str(m["type"]), ownType):
		decode = DecodeObjectCreated
	default:
		return message{}, notA("one that is known")
	}
	b, err := decode(body)
	return message{Batch: b}, err
}

// first is the first byte of a JSON text; 0 if there is none.
func first(text []byte) byte {
	if text = bytes.TrimLeft(text, " \t\r\n"); len(text) > 0 {
		return text[0]
	}
	return 0
}
