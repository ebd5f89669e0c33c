package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// maxMembers is how many members an object may have that tells a format.
const maxMembers = 256

// members reads a JSON object and returns those of its members that are wanted.
// A name is what it is spelled like, for the formats differ in the case of
// names, and encoding/json would take one for the other. It fails where the text
// is no object, where a wanted member is there twice, of which receivers would not
// agree what it says, and where there are more members than any format has.
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

// elements reads a JSON array of at most MaxRecords elements. The error matches
// ErrFormat, and ErrTooLarge where there are more.
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

// ended reports whether nothing follows but the end of what was begun.
func ended(d *json.Decoder) bool {
	if _, err := d.Token(); err != nil {
		return false
	}
	_, err := d.Token()
	return err == io.EOF
}

// str is the string that a member is, empty if it is none.
func str(value json.RawMessage) (s string) {
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// stamp is the time of an event: zero where it can't be read, for a notification
// is as good without it.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(text []byte) error {
	*s = parseStamp(str(text))
	return nil
}

// MarshalJSON always writes six digits of fraction, as fhirdock's messages do.
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
