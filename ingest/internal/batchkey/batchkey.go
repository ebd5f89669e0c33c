// Package batchkey formats and parses ingest's Batch.Key.
package batchkey

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fhirdock/fhirdock/jobs"
)

// Format returns the key of the batch between two byte offsets of a job's payload.
func Format(job *jobs.Job, start, end int64) string {
	return fmt.Sprintf("%s.%d/%d-%d", job.ID, job.Run, start, end)
}

// Parse returns the job and the run of a key, which may have a prefix. It returns
// false for a key of any other form.
func Parse(key string) (jobID string, run int, ok bool) {
	name, offsets, found := cutLast(key, "/")
	if !found {
		return "", 0, false
	}
	start, end, found := strings.Cut(offsets, "-")
	if !found || !isNumber(start) || !isNumber(end) {
		return "", 0, false
	}
	name, number, found := cutLast(name, ".")
	if !found || !isNumber(number) || len(name) < idLength {
		return "", 0, false
	}
	run, err := strconv.Atoi(number)
	id := name[len(name)-idLength:]
	return id, run, err == nil && jobs.ValidID(id)
}

// idLength is the length of a job's id, a UUID.
const idLength = 36

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 63)
	return err == nil
}
