//go:build fhirdock_safe || purego || !(amd64 || arm64)

package fhirbundle

// nested scans the object or array that starts at data[0].
func (s *scanner) nested(data []byte, depth int) (int, fault) {
	return s.walk(data, &open{outer: depth, depth: depth})
}
