package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// maxMembers is how many members a top-level object may have.
const maxMembers = 256

// members decodes a JSON object and returns the wanted members. Names are case-sensitive,
// unlike in encoding/json, because formats differ only in case. It returns false if the text
// is not an object, if a wanted member occurs twice, which would be ambiguous, and if there
// are more members than in any format.
func members(text []byte, wanted ...string) (map[string]json.RawMessage, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, false
	}
	found := make(map[string]json.RawMessage)
	for n := 0; d.More(); n++ {
		if n == maxMembers {
			return nil, false
		}
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		if !slices.Contains(wanted, name) {
			continue
		}
		if _, twice := found[name]; twice {
			return nil, false
		}
		found[name] = value
	}
	return found, ended(d)
}

// elements decodes a JSON array of at most MaxRecords elements. The error matches ErrFormat
// and, if there are more, ErrTooLarge.
func elements(text []byte, form string) ([]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('[') {
		return nil, notA(form)
	}
	list := []json.RawMessage{}
	for d.More() {
		if len(list) == MaxRecords {
			return nil, fmt.Errorf("%w: %w: more than %d records", ErrFormat, ErrTooLarge, MaxRecords)
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, notA(form)
		}
		list = append(list, value)
	}
	if !ended(d) {
		return nil, notA(form)
	}
	return list, nil
}

// ended reports whether only the end of the array or object follows.
func ended(d *json.Decoder) bool {
	if _, err := d.Token(); err != nil {
		return false
	}
	_, err := d.Token()
	return err == io.EOF
}

// str returns a member that is a string; empty if it is not.
func str(value json.RawMessage) (s string) {
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// stamp is the time of an event. It is zero if it can't be parsed, because the notification
// is still useful.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(text []byte) error {
	*s = parseStamp(str(text))
	return nil
}

// MarshalJSON always writes six fractional digits, as in fhirdock's messages.
func (s stamp) MarshalJSON() ([]byte, error) {
	t := s.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("RFC 3339 has no year %d", y)
	}
	return t.AppendFormat(nil, `"2006-01-02T15:04:05.000000Z"`), nil
}

func parseStamp(text string) stamp {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return stamp{}
	}
	return stamp{at.UTC()}
}
