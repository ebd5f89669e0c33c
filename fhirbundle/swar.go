package fhirbundle

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

// special marks, with the high bit of each, the bytes of w at which a string
// needs a closer look: a quote, a backslash, a control character, and what is
// not ASCII. Only the lowest mark is exact: a borrow may set marks above it. The
// second lowest bit turned over, a quote is 0x20, and with the control characters
// below 0x21, where no other character of ASCII comes to lie.
func special(w uint64) uint64 {
	return (((w ^ twos) - signs) | ((w ^ slants) - ones) | w) & highs
}

// first is the place, from 0, of the lowest mark.
func first(mark uint64) int { return bits.TrailingZeros64(mark) >> 3 }

// skipSpace returns the index of the first byte at or after i that is not
// JSON's white space, or len(data). It is inlined where it is used.
func skipSpace(data []byte, i int) int {
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
		i += first(x)
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
