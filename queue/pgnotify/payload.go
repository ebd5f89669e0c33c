package pgnotify

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"gocloud.dev/pubsub/driver"
)

// maxPayload is the largest payload in bytes: PostgreSQL requires fewer than 8000.
const maxPayload = 7999

var errTooLong = errors.New("pgnotify: the message is too long")

// envelope is the content of a payload. PostgreSQL merges equal payloads of a transaction;
// the id makes them different.
type envelope struct {
	ID       string            `json:"id"`
	Text     string            `json:"text,omitempty"`     // the body if it is UTF-8
	Bytes    []byte            `json:"bytes,omitempty"`    // otherwise the body
	Metadata map[string]string `json:"metadata,omitempty"` // UTF-8, which Go CDK checks
}

func encode(m *driver.Message) (string, error) {
	var id [9]byte
	rand.Read(id[:]) // never fails
	e := envelope{ID: base64.RawURLEncoding.EncodeToString(id[:]), Metadata: m.Metadata}
	if utf8.Valid(m.Body) {
		e.Text = string(m.Body)
	} else {
		e.Bytes = m.Body
	}
	var b strings.Builder
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	if err := j.Encode(e); err != nil {
		return "", fmt.Errorf("pgnotify: encode message: %w", err)
	}
	payload := strings.TrimSuffix(b.String(), "\n")
	if len(payload) > maxPayload {
		return "", fmt.Errorf("%w: its payload has %d bytes, more than PostgreSQL's %d", errTooLong, len(payload), maxPayload)
	}
	return payload, nil
}

func decode(n *pgconn.Notification) *driver.Message {
	m := &driver.Message{AsFunc: func(i any) bool {
		p, ok := i.(**pgconn.Notification)
		if ok {
			*p = n
		}
		return ok
	}}
	var e envelope
	d := json.NewDecoder(strings.NewReader(n.Payload))
	d.DisallowUnknownFields()
	err := d.Decode(&e)
	if _, more := d.Token(); err != nil || more != io.EOF || e.ID == "" {
		// Not sent by this package.
		m.LoggableID, m.Body = "of process "+strconv.FormatUint(uint64(n.PID), 10), []byte(n.Payload)
		return m
	}
	m.LoggableID, m.Metadata, m.Body = e.ID, e.Metadata, []byte(e.Text)
	if e.Text == "" {
		m.Body = e.Bytes
	}
	return m
}
