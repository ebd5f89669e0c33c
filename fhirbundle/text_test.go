package fhirbundle

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestUTF8: what is UTF-8 and what is not agrees with unicode/utf8, for
// every byte that can start a character and those around every limit behind it.
func TestUTF8(t *testing.T) {
	next := []byte{'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xa2, 0xbf, 0xc0, 0xc2, 0xff}
	check := func(text ...byte) {
		for _, pad := range []string{"", "abcde"} { // within a word, and across two
			doc := append(append([]byte(`["`+pad), text...), `","x"]`...)
			err := CheckJSON(doc, nil)
			require.Equal(t, utf8.Valid(text), err == nil, "%x", text)
		}
	}
	for c := range 0x80 {
		first := byte(0x80 + c)
		check(first)
		for _, second := range next {
			check(first, second)
			for _, third := range next {
				check(first, second, third)
				if first < 0xf0 {
					continue
				}
				for _, fourth := range next {
					check(first, second, third, fourth)
				}
			}
		}
	}
}
