package notify

import (
	"encoding/json"
	"strconv"
)

// gcsObject has the used fields of an object's resource in Cloud Storage's JSON API.
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

// decodeGCS decodes a notification of Cloud Storage: a Pub/Sub message's attributes and
// data. OBJECT_FINALIZE is the creation of an object, whether or not it overwrote another
// one (overwroteGeneration); its generation is the Version. Other events are ignored. The
// attributes are sufficient. The data, which is the object's resource if payloadFormat is
// JSON_API_V1 and empty if it is NONE, adds size and ETag if it is of the same object.
//
// Schema: https://cloud.google.com/storage/docs/pubsub-notifications#attributes and, for
// the data, https://cloud.google.com/storage/docs/json_api/v1/objects#resource.
func decodeGCS(data []byte, attributes map[string]string) (Batch, error) {
	var b Batch
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

// readPush decodes the wrapper of a request from Pub/Sub to a push endpoint, with
// message.attributes and, in base64, message.data. It contains a notification of Cloud
// Storage, or any other that was sent to the topic.
//
// Schema: https://cloud.google.com/pubsub/docs/push#receive_push.
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
