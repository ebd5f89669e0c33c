package notify

import (
	"encoding/json"
	"strings"
)

// gridEvent has the used fields of an event in either schema.
type gridEvent struct {
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`
	// In the Event Grid schema.
	EventType       *string `json:"eventType"`
	EventTime       stamp   `json:"eventTime"`
	MetadataVersion string  `json:"metadataVersion"`
	// In CloudEvents.
	SpecVersion *string `json:"specversion"`
	Type        string  `json:"type"`
	Time        stamp   `json:"time"`
}

// blobData has the used fields of the data of a BlobCreated. The url is not used: it names
// the same blob as the subject, but its encoding is not documented.
type blobData struct {
	API           string `json:"api"`
	ETag          string `json:"eTag"`
	ContentLength *int64 `json:"contentLength"`
}

// readGrid decodes an event of Azure Event Grid, or an array of events, in Event Grid's
// schema or as CloudEvents 1.0. The subject of a Microsoft.Storage.BlobCreated names the
// container and the blob.
//
// An object counts as created if data.api says that the content is complete: PutBlob and
// PutBlockList and, for accounts with a hierarchical namespace, FlushWithClose and
// SftpCommit. Such an account also sends a BlobCreated when an empty file is opened
// (CreateFile, SftpCreate); "if you want to ensure that the Microsoft.Storage.BlobCreated
// event is triggered only when a Block Blob is completely committed, filter the event for
// the FlushWithClose REST API call". A CopyBlob event is sent there when the copy starts,
// and in other accounts when it is complete, without a difference in the event. These, and
// events with another api, are ignored as [Unfinished].
//
// It ignores events of other types, and those with a metadataVersion other than 1 or a
// specversion other than 1.x.
//
// Schemas:
// https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage,
// https://learn.microsoft.com/azure/event-grid/event-schema and
// https://learn.microsoft.com/azure/event-grid/cloud-event-schema.
func readGrid(body []byte) (message, error) {
	list := []json.RawMessage{body}
	if first(body) == '[' {
		var err error
		if list, err = elements(body, "a list of events in JSON"); err != nil {
			return message{}, err
		}
	}
	var m message
	known := 0
	for _, text := range list {
		var e gridEvent
		switch err := json.Unmarshal(text, &e); {
		case err != nil || e.EventType == nil && e.SpecVersion == nil:
			m.ignore(BadRecord)
		case e.SpecVersion != nil:
			known++
			m.addCloudEvent(&e)
		default:
			known++
			m.addGridEvent(&e)
		}
	}
	if known == 0 {
		return message{}, notA("an event of Event Grid in JSON, which has eventType or specversion")
	}
	return m, nil
}

func (m *message) addGridEvent(e *gridEvent) {
	switch {
	case e.MetadataVersion != "" && e.MetadataVersion != "1":
		m.ignore(OtherVersion)
	case *e.EventType == "Microsoft.EventGrid.SubscriptionValidationEvent":
		m.ignore(Subscription)
		d, _ := members(e.Data, "validationCode")
		if code := str(d["validationCode"]); len(code) <= maxName {
			m.validationCode = code
		}
	case *e.EventType == "Microsoft.EventGrid.SubscriptionDeletedEvent":
		m.ignore(Subscription)
	case *e.EventType != blobCreated:
		m.ignore(OtherEvent)
	default:
		m.addBlob(e, e.EventTime)
	}
}

func (m *message) addCloudEvent(e *gridEvent) {
	major, _, _ := strings.Cut(*e.SpecVersion, ".")
	switch {
	case major != "1":
		m.ignore(OtherVersion)
	case e.Type != blobCreated:
		m.ignore(OtherEvent)
	default:
		m.addBlob(e, e.Time)
	}
}

const blobCreated = "Microsoft.Storage.BlobCreated"

func (m *message) addBlob(e *gridEvent, at stamp) {
	container, name, ok := splitSubject(e.Subject)
	var d blobData
	if !ok || json.Unmarshal(e.Data, &d) != nil {
		m.ignore(BadRecord)
		return
	}
	switch d.API {
	case "PutBlob", "PutBlockList", "FlushWithClose", "SftpCommit":
		m.create(ObjectCreated{Bucket: container, Key: name, Size: sizeOf(d.ContentLength), ETag: d.ETag, Time: at.Time})
	default:
		m.ignore(Unfinished)
	}
}

// splitSubject parses /blobServices/default/containers/{container}/blobs/{name}. Some
// examples in the documentation lack the leading slash.
func splitSubject(subject string) (container, name string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(subject, "/"), "blobServices/default/containers/")
	if !ok {
		return "", "", false
	}
	container, name, ok = strings.Cut(rest, "/blobs/")
	return container, name, ok && container != "" && !strings.Contains(container, "/")
}
