package notify

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// maxEnvelopes is how deeply envelopes (SNS, Pub/Sub's push, base64) may be nested.
const maxEnvelopes = 2

// message is a decoded message, including handshakes.
type message struct {
	Batch
	subscribe      *SubscriptionRequest
	validationCode string
}

// Decode decodes a message in any of the formats of this package, which it recognizes by
// their shape. attributes are the attributes of the message, in Go CDK Message.Metadata;
// they are only needed for Cloud Storage and may be nil. Decode retains neither. ErrFormat
// if the message is not a notification; see the package documentation for what is counted
// as ignored.
func Decode(body []byte, attributes map[string]string) (Batch, error) {
	if err := tooLong(body); err != nil {
		return Batch{}, err
	}
	m, err := read(body, attributes, 0)
	return m.Batch, err
}

func read(body []byte, attributes map[string]string, envelopes int) (message, error) {
	if isGCS(attributes) {
		b, err := decodeGCS(body, attributes)
		return message{Batch: b}, err
	}
	if envelopes > maxEnvelopes {
		return message{}, notA("a known one: too many envelopes")
	}
	switch first(body) {
	case '{':
		return readObject(body, envelopes)
	case '[':
		return readGrid(body)
	}
	// Event Grid sends base64 to Storage queues.
	text := bytes.TrimSpace(body)
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(plain, text)
	if err != nil || n == 0 {
		return message{}, notA("JSON or JSON in base64")
	}
	return read(plain[:n], nil, envelopes+1)
}

// readObject recognizes an object by the names of its members.
func readObject(body []byte, envelopes int) (message, error) {
	m, ok := members(body, "Records", "Event", "Type", "TopicArn", "detail-type", "message", "subscription", "specversion", "eventType", "type")
	var decode func([]byte) (Batch, error)
	switch {
	case !ok:
		return message{}, notA("JSON, or ambiguous")
	case m["Records"] != nil, str(m["Event"]) == "s3:TestEvent":
		decode = decodeS3
	case m["Type"] != nil && m["TopicArn"] != nil:
		return readSNS(body, envelopes)
	case m["detail-type"] != nil:
		decode = decodeEventBridge
	case m["message"] != nil && m["subscription"] != nil:
		return readPush(body, envelopes)
	case m["specversion"] != nil, m["eventType"] != nil:
		return readGrid(body)
	case strings.HasPrefix(str(m["type"]), ownType):
		decode = decodeObjectCreated
	default:
		return message{}, notA("a known one")
	}
	b, err := decode(body)
	return message{Batch: b}, err
}

// first returns the first byte of a JSON text; 0 if there is none.
func first(text []byte) byte {
	if text = bytes.TrimLeft(text, " \t\r\n"); len(text) > 0 {
		return text[0]
	}
	return 0
}
