package queue

import (
	"fmt"
	"time"
)

// TimeFormat is the layout of the times in a message, for [time.Time.Format] of a time in
// UTC: RFC 3339 with six fractional digits, for readers that need a fixed width. Before
// 3.11, Python's datetime.fromisoformat accepted only 3 or 6 digits.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

func timestamp(t time.Time) (string, error) {
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return "", fmt.Errorf("queue: encode message: RFC 3339 has no year %d", y)
	}
	return t.Format(TimeFormat), nil
}
