//go:build (amd64 || arm64) && !fhirdock_safe && !purego

package fhirbundle

import "unsafe"

// What of this package goes around the checks of indices is built on this file.
// Who calls it sees to it that they would hold: a page after the payload that
// can't be read keeps watch in the tests. The build tags fhirdock_safe and purego
// leave all of it out.

// margin is how many bytes nested may load ahead of a place that it compared
// with the end.
const margin = 128

// text is data that can be loaded from without a check.
func textOf(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(data)) }

// byteAt returns the byte i of the data at p.
func byteAt(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }

// wordAt returns the eight bytes from i on of the data at p, the first one lowest.
func wordAt(p unsafe.Pointer, i int) uint64 { return *(*uint64)(unsafe.Add(p, i)) }

// nextSpecial returns the index of the first byte from i on, which is not above
// lim, at which a string needs a closer look, or one above lim before which there
// is none; margin bytes can be loaded from lim.
func nextSpecial(p unsafe.Pointer, i, lim int) int {
	for i <= lim {
		m := special(wordAt(p, i))
		if m != 0 {
			return i + first(m)
		}
		if m = special(wordAt(p, i+8)); m != 0 {
			return i + 8 + first(m)
		}
		if m = special(wordAt(p, i+16)); m != 0 {
			return i + 16 + first(m)
		}
		if m = special(wordAt(p, i+24)); m != 0 {
			return i + 24 + first(m)
		}
		i += 32
	}
	return i
}

// behind is i + first(mark). By a jump, which is foreseen where what is read has
// come alike before: what depends on the place can go on before mark is known.
func behind(i int, mark uint64) int {
	switch first(mark) {
	case 1:
		return i + 1
	case 2:
		return i + 2
	case 3:
		return i + 3
	case 4:
		return i + 4
	case 5:
		return i + 5
	case 6:
		return i + 6
	case 7:
		return i + 7
	}
	return i
}
