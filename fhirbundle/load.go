package fhirbundle

import "encoding/binary"

// load returns the eight bytes at b[i:] with the first one lowest, whatever the
// machine's byte order. Behind the end of b it reads zeros: a zero byte stops
// every loop of the scanner, which then looks at the index.
func load(b []byte, i int) uint64 {
	if i >= 0 && i <= len(b)-8 { // in these words the compiler sees that no bounds check is needed
		return binary.LittleEndian.Uint64(b[i : i+8])
	}
	return loadTail(b, i)
}

func loadTail(b []byte, i int) uint64 {
	var w uint64
	if i < len(b) {
		for k, c := range b[i:] {
			w |= uint64(c) << (8 * k)
		}
	}
	return w
}
