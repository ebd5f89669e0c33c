package docjobs

import (
	"crypto/rand"
	"encoding/base64"
)

// keptMarks is how many updates ago a writer recognizes its own write.
const keptMarks = 32

// markLength is in characters. A mark only has to differ from those of concurrent writes
// of the same revision, so 36 bits are enough.
const markLength = 6

// newMark returns a mark that no other write of the revision has.
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

// hasMark reports whether mark was written the given number of updates ago.
func hasMark(marks, mark string, ago int64) bool {
	end := int64(len(marks)) - ago*markLength
	return ago >= 0 && end >= markLength && marks[end-markLength:end] == mark
}
