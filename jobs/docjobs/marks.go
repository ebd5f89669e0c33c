package docjobs

import (
	"crypto/rand"
	"encoding/base64"
)

// keptMarks is how many updates back a writer knows its own write again.
const keptMarks = 32

// markLength is in characters. A mark is told from those of others who would write
// the same revision, so 36 bits are enough.
const markLength = 6

// newMark is what no other write of the revision has.
func newMark() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])[:markLength]
}

// addMark appends a mark and drops those that are too old.
func addMark(marks, mark string) string {
	marks += mark
	return marks[max(0, len(marks)-keptMarks*markLength):]
}

// hasMark reports whether a mark is the one of so many updates ago.
func hasMark(marks, mark string, ago int64) bool {
	end := int64(len(marks)) - ago*markLength
	return ago >= 0 && end >= markLength && marks[end-markLength:end] == mark
}
