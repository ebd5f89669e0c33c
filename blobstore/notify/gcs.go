package notify

import (
	"encoding/json"
	"strconv"
)

// gcsObject is the resource of an object in Cloud Storage's JSON API, as far as it
// is used here.
type gcsObject struct {
	Name       string `json:"name"`
	Bucket     string `json:"bucket"`
	Generation string `json:"generation"`
	Size       string `json:"size"`
	ETag       string `json:"etag"`
}

// isGCS reports whether a message has the attributes that all notifications of
// Cloud Storage have.
func isGCS(attributes map[string]string) bool {
	return attributes["eventType"] != "" && attributes["payloadFormat"] != "" && attributes["bucketId"] != ""
}

// DecodeGCS reads a notification of Cloud Storage that was pulled from Pub/Sub:
// the message's attributes and its data. An OBJECT_FINALIZE is an object that was
// created, whether or not it overwrote another one (overwroteGeneration), and its
// generation is the Version; events of other types are counted. What the
// attributes say is enough: the data, the object's resource where payloadFormat is
// JSON_API_V1 and nothing where it is NONE, adds size and ETag if it is of the same
// object. ErrFormat without the attributes that all notifications have.
//
// The schema is that of
// https://cloud.google.com/storage/docs/pubsub-notifications#attributes, and for
// the data
// https://cloud.google.com/storage/docs/json_api/v1/objects#resource.
func DecodeGCS(data []byte, attributes map[string]string) (Batch, error) {
	var b Batch
	if err := tooLong(data); err != nil {
		return b, err
	}
	if !isGCS(attributes) {
		return b, notA("a notification of Cloud Storage, which has the attributes eventType, payloadFormat and bucketId")
	}
	if attributes["eventType"] != "OBJECT_FINALIZE" {
		b.ignore(OtherEvent)
		return b, nil
	}
	created := ObjectCreated{
		Bucket: attributes["bucketId"], Key: attributes["objectId"], Size: -1,
		Version: attributes["objectGeneration"], Time: parseStamp(attributes["eventTime"]).Time,
	}
	if _, err := strconv.ParseUint(created.Version, 10, 64); err != nil {
		b.ignore(BadRecord)
		return b, nil
	}
	switch attributes["payloadFormat"] {
	case "NONE":
	case "JSON_API_V1":
		var o gcsObject
		if json.Unmarshal(data, &o) == nil && o.Name == created.Key && o.Bucket == created.Bucket && o.Generation == created.Version {
			created.ETag = o.ETag
			if size, err := strconv.ParseInt(o.Size, 10, 64); err == nil {
				created.Size = size
			}
		}
	default:
		b.ignore(OtherVersion)
		return b, nil
	}
	b.create(created)
	return b, nil
}

// DecodePubSubPush reads the body of a request that Pub/Sub makes to a push
// subscription's endpoint, with its wrapper: message.attributes and, in base64,
// message.data. What is in it is a notification of Cloud Storage, or any other
// that was sent to the topic. ErrFormat if there is no wrapper, or no notification
// in it.
//
// The schema is that of https://cloud.google.com/pubsub/docs/push#receive_push.
func DecodePubSubPush(body []byte) (Batch, error) {
	if err := tooLong(body); err != nil {
		return Batch{}, err
	}
	m, err := readPush(body, 0)
	return m.Batch, err
}

func readPush(body []byte, envelopes int) (message, error) {
	m, ok := members(body, "message", "subscription")
	if !ok || m["message"] == nil || m["subscription"] == nil {
		return message{}, notA("a push of Pub/Sub in JSON, which has message and subscription")
	}
	var pushed struct {
		Attributes map[string]string `json:"attributes"`
		Data       []byte            `json:"data"`
	}
	if json.Unmarshal(m["message"], &pushed) != nil {
		return message{}, notA("a push of Pub/Sub: its message can't be read")
	}
	return read(pushed.Data, pushed.Attributes, envelopes+1)
}
