package fhirbundle

import (
	"bytes"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// AppendLine appends a resource to dst as one line of NDJSON, without the line
// feed, and returns the extended slice. A resource without line ends is appended
// as it is, byte for byte; of another the white space between its tokens is left
// out, and nothing else is changed. The resource must be valid JSON, such as
// [Entry.Resource] of an entry that is not rejected: then a line end can't stand
// inside a string.
func AppendLine(dst, resource []byte) []byte {
	if bytes.IndexByte(resource, '\n') < 0 && bytes.IndexByte(resource, '\r') < 0 {
		return append(dst, resource...)
	}
	for i := 0; i < len(resource); {
		switch resource[i] {
		case ' ', '\t', '\r', '\n':
			i = scan.SkipSpace(resource, i)
		case '"':
			end, _ := scan.String(resource, i+1, true)
			end = min(end+1, len(resource))
			dst = append(dst, resource[i:end]...)
			i = end
		default:
			from := i
			for i++; i < len(resource) && resource[i] > ' ' && resource[i] != '"'; i++ {
			}
			dst = append(dst, resource[from:i]...)
		}
	}
	return dst
}
