package httpapi

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
)

// instructions describe how to upload, step by step. The first four are a contract: clients
// of fhirdock's predecessor show them.
func instructions(t *ingest.UploadTicket, job string) map[string]string {
	contentType := t.Upload.Headers["Content-Type"]
	if contentType == "" {
		contentType = t.Job.Payload.ContentType
	}
	steps := []string{
		"Use HTTP " + t.Upload.Method + " to upload your file to the uploadUrl",
		"Set Content-Type header to '" + contentType + "'",
		"URL expires in " + spoken(t.ExpiresIn),
		"After upload, file will be automatically processed",
		"Follow the job at " + job,
	}
	var others []string
	for _, name := range slices.Sorted(maps.Keys(t.Upload.Headers)) {
		if name != "Content-Type" {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		steps = append(steps, "Send the other headers as they are in headers too: "+strings.Join(others, ", "))
	}
	numbered := make(map[string]string, len(steps))
	for i, step := range steps {
		numbered[strconv.Itoa(i+1)] = step
	}
	return numbered
}

// spoken returns a duration in words, in whole seconds: 1 hour, 7 minutes 30 seconds.
func spoken(d time.Duration) string {
	left := max(0, int64(d/time.Second))
	var words []string
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}} {
		n := left / unit.seconds
		left %= unit.seconds
		switch {
		case n == 1:
			words = append(words, "1 "+unit.name)
		case n > 1:
			words = append(words, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	if len(words) == 0 {
		return "0 seconds"
	}
	return strings.Join(words, " ")
}
