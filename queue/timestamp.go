package queue

import (
	"fmt"
	"time"
)

// TimeFormat is the layout of every time in a message, for [time.Time.Format] of a
// time in UTC: RFC 3339 with six digits of fraction, which readers of a fixed width
// need. Python's datetime.fromisoformat refused any other number of digits until 3.11.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

func timestamp(t time.Time) (string, error) {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return "", fmt.Errorf("queue: encode message: RFC 3339 has no year %d", y)
	}
	return t.Format(TimeFormat), nil
}
