package notify

import (
	"encoding/json"
	"strings"
)

// gridEvent is an event in either schema, as far as it is used here.
type gridEvent struct {
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`
	// Of the Event Grid schema.
	EventType       *string `json:"eventType"`
	EventTime       stamp   `json:"eventTime"`
	MetadataVersion string  `json:"metadataVersion"`
	// Of CloudEvents.
	SpecVersion *string `json:"specversion"`
	Type        string  `json:"type"`
	Time        stamp   `json:"time"`
}

// blobData is the data of a BlobCreated, as far as it is used here. Its url is not:
// it names the same blob as the subject, in an encoding that no schema states.
type blobData struct {
	API           string `json:"api"`
	ETag          string `json:"eTag"`
	ContentLength *int64 `json:"contentLength"`
}

// DecodeEventGrid reads events of Azure Event Grid, in its own schema or in that of
// CloudEvents 1.0: one, as it comes from a queue or to a webhook, or an array of
// them. The subject of a Microsoft.Storage.BlobCreated names container and blob.
//
// It is returned where data.api says that the content is complete: PutBlob and
// PutBlockList, and for accounts with a hierarchical namespace FlushWithClose and
// SftpCommit. Such an account sends a BlobCreated when a file is opened, too
// (CreateFile, SftpCreate), with nothing in it yet; "if you want to ensure that the
// Microsoft.Storage.BlobCreated event is triggered only when a Block Blob is
// completely committed, filter the event for the FlushWithClose REST API call". A
// CopyBlob is told of when it is initiated there, and when it is complete
// elsewhere, which the event does not tell apart. Those, and what has another api,
// are counted as [Unfinished].
//
// Events of other types are counted, and so are those with another metadataVersion
// than 1 or another specversion than 1.x. ErrFormat if the body holds no event.
//
// The schemas are those of
// https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage,
// https://learn.microsoft.com/azure/event-grid/event-schema and
// https://learn.microsoft.com/azure/event-grid/cloud-event-schema.
func DecodeEventGrid(body []byte) (Batch, error) {
	if err := tooLong(body); err != nil {
		return Batch{}, err
	}
	m, err := readGrid(body)
	return m.Batch, err
}

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

// splitSubject reads /blobServices/default/containers/{container}/blobs/{name}. The
// slash at its beginning is missing in some examples of the documentation.
func splitSubject(subject string) (container, name string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(subject, "/"), "blobServices/default/containers/")
	if !ok {
		return "", "", false
	}
	container, name, ok = strings.Cut(rest, "/blobs/")
	return container, name, ok && container != "" && !strings.Contains(container, "/")
}
