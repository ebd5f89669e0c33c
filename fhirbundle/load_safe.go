//go:build fhirdock_safe || purego || !(amd64 || arm64)

package fhirbundle

import "bytes"

// margin is how many bytes after what is scanned are of use: none.
const margin = 0

// nested scans the object or array that starts at data[0].
func (s *scanner) nested(data []byte, depth int) (int, fault) {
	return s.walk(data, &open{outer: depth, depth: depth})
}

// scanString is walkString.
func scanString(data []byte, i int, nul bool) (int, fault) { return walkString(data, i, nul) }

// endOfString returns the index of the closing quote of a string that was scanned
// before and whose text starts at data[i], and whether it has no escapes.
func endOfString(data []byte, i int) (end int, plain bool) {
	end, _ = walkString(data, i, true)
	return end, bytes.IndexByte(data[i:end], '\\') < 0
}
