package scan

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	twos   = 0x02 * ones
	signs  = 0x21 * ones
	slants = '\\' * ones
	blanks = ' ' * ones
)

// special sets the high bit of each byte of w that is a quote, a backslash, a control
// character or not ASCII. Only the lowest mark is exact, because a borrow may set marks
// above it. Flipping the second lowest bit turns a quote into 0x20, so that quotes and
// control characters are the only ASCII characters below 0x21.
func special(w uint64) uint64 {
	return (((w ^ twos) - signs) | ((w ^ slants) - ones) | w) & highs
}

// firstMarked is the place, from 0, of the lowest mark.
func firstMarked(mark uint64) int { return bits.TrailingZeros64(mark) >> 3 }

// Load returns the eight bytes at b[i:], the first one lowest, on any platform. Bytes
// after the end of b read as zeros, which special marks.
func Load(b []byte, i int) uint64 {
	if i >= 0 && i <= len(b)-8 { // in this form the compiler needs no bounds check
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

// SkipSpace returns the index of the first byte at or after i that is not white space,
// or len(data). It is small enough to be inlined.
func SkipSpace(data []byte, i int) int {
	if uint(i) < uint(len(data)) && data[i] > ' ' {
		return i
	}
	return skipSpaces(data, i)
}

func skipSpaces(data []byte, i int) int {
	if uint(i) < uint(len(data)) && data[i] == '\n' {
		i++ // usually indentation follows
	}
	for i >= 0 && i <= len(data)-8 {
		x := binary.LittleEndian.Uint64(data[i:i+8]) ^ blanks
		if x == 0 {
			i += 8
			continue
		}
		i += firstMarked(x)
		switch data[i] {
		case '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	for i < len(data) {
		switch data[i] {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	return i
}
