package fhirbundle

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	quotes = '"' * ones
	slants = '\\' * ones
	blanks = ' ' * ones
)

// special marks, with the high bit of each, the bytes of w at which a string
// needs a closer look: a quote, a backslash, a control character, and what is
// not ASCII. Only the lowest mark is exact: a borrow may set marks above it. A
// byte above ASCII keeps its high bit in the first difference, save 0xa2, which
// keeps it in the second.
func special(w uint64) uint64 {
	return (((w ^ quotes) - ones) | ((w ^ slants) - ones) | (w - blanks)) & highs
}

// first is the place, from 0, of the lowest mark.
func first(mark uint64) int { return bits.TrailingZeros64(mark) >> 3 }

// skipSpace returns the index of the first byte at or behind i that is not
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
