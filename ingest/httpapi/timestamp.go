package httpapi

import (
	"time"

	"github.com/fhirdock/fhirdock/queue"
)

// timestamp is a time in a response, always of the same width.
type timestamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (t timestamp) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, queue.TimeFormat), nil
}

// given returns nil for the zero time, which responses omit.
func given(t time.Time) *timestamp {
	if t.IsZero() {
		return nil
	}
	s := timestamp(t)
	return &s
}
