// Package reading is what the program of the benchmark has in common with those
// that read in its place: how time is taken, and how requests are answered.
package reading

import (
	"runtime"
	"time"
)

// Unable is the exit code of a process that could not do its work; Go's own, for
// a stack that overflowed, is 2.
const Unable = 3

// Time reads that many times. It says how long all of it took, and what read
// returned last, which is how many documents or payloads were refused.
func Time(times int, read func() (refused int)) (took time.Duration, refused int) {
	runtime.GC() // what others left is not collected in this one's time
	start := time.Now()
	for range times {
		refused = read()
	}
	return time.Since(start), refused
}

// Refused counts the documents that are not accepted.
func Refused(docs [][]byte, accepts func(doc []byte) bool) (n int) {
	for _, doc := range docs {
		if !accepts(doc) {
			n++
		}
	}
	return n
}
