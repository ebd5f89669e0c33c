package scan

import (
	"encoding/binary"
	"math/bits"
)

// Eight bytes are looked at in one word, the first byte lowest.

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	twos   = 0x02 * ones
	signs  = 0x21 * ones
	slants = '\\' * ones
	blanks = ' ' * ones
)

// special marks, with the high bit of each, the bytes of w at which a string
// needs a closer look: a quote, a backslash, a control character, and what is
// not ASCII. Only the lowest mark is exact: a borrow may set marks above it. The
// second lowest bit turned over, a quote is 0x20, and with the control characters
// below 0x21, where no other character of ASCII comes to lie.
func special(w uint64) uint64 {
	return (((w ^ twos) - signs) | ((w ^ slants) - ones) | w) & highs
}

// first is the place, from 0, of the lowest mark.
func firstMarked(mark uint64) int { return bits.TrailingZeros64(mark) >> 3 }

// load returns the eight bytes at b[i:] with the first one lowest, whatever the
// machine's byte order. Behind the end of b it reads zeros: a zero byte stops
// every loop of the scanner, which then looks at the index.
func Load(b []byte, i int) uint64 {
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

// skipSpace returns the index of the first byte at or after i that is not
// JSON's white space, or len(data). It is inlined where it is used.
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
