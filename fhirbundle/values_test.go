package fhirbundle

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUTF8: invalid UTF-8 is what unicode/utf8 says, for every first byte and the bytes
// around every limit after it.
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

// TestSurrogates: which escapes form a pair, and of which character, at every limit. A
// name in escapes equals the same name in plain text.
func TestSurrogates(t *testing.T) {
	edges := []rune{' ', 'a', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xd801, 0xdbfe, 0xdbff, 0xdc00, 0xdc01, 0xdffe, 0xdfff, 0xe000, 0xffff}
	isHigh := func(r rune) bool { return r >= 0xd800 && r < 0xdc00 }
	isLow := func(r rune) bool { return r >= 0xdc00 && r < 0xe000 }
	check := func(escaped string, valid bool, plain string) {
		t.Helper()
		err := CheckJSON([]byte(`["`+escaped+`"]`), nil)
		require.Equal(t, valid, err == nil, escaped)
		if !valid {
			var invalid *InvalidError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, "json-surrogate", invalid.First.Code, escaped)
			return
		}
		require.NoError(t, CheckJSON([]byte(`{"`+escaped+`":1,"`+escaped+`?":2}`), nil), escaped)
		if plain >= " " && plain != `"` && plain != `\` {
			require.ErrorIs(t, CheckJSON([]byte(`{"`+escaped+`":1,"`+plain+`":2}`), nil), ErrInvalid, escaped)
			require.NoError(t, CheckJSON([]byte(`{"`+escaped+`":1,"`+plain+`x":2}`), nil), escaped)
		}
	}
	for _, r := range edges {
		for _, format := range []string{`\u%04x`, `\u%04X`} {
			check(fmt.Sprintf(format, r), !isHigh(r) && !isLow(r), string(r))
			for _, next := range edges {
				check(fmt.Sprintf(format+format, r, next), isHigh(r) && isLow(next) || utf8.ValidRune(r) && utf8.ValidRune(next), string(utf16.Decode([]uint16{uint16(r), uint16(next)})))
			}
		}
	}
}

// TestCheckJSON: any value is accepted, and an error has its position, including a byte
// order mark.
func TestCheckJSON(t *testing.T) {
	for _, doc := range []string{`{}`, ` [1] `, `"x"`, `12`, `-0.5e1`, `null`, "\xef\xbb\xbf1", `"\u0000"`, `{"\u0000":1}`} {
		assert.NoError(t, CheckJSON([]byte(doc), nil), doc)
	}
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	assert.NoError(t, CheckJSON([]byte(nest(64)), nil))
	for _, c := range []struct {
		doc, code string
		offset    int64
	}{
		{"", "json-syntax", 0},
		{"\n ", "json-syntax", 2},
		{"1.", "json-syntax", 2},
		{"1e+", "json-syntax", 3},
		{"-", "json-syntax", 1},
		{"{}x", "json-syntax", 2},
		{"\xef\xbb\xbf[x]", "json-syntax", 4},
		{"\xef\xbb\xbf\xef\xbb\xbf1", "json-syntax", 3},
		{"[\"\x00\"]", "json-nul", 2},
		{`{"a":1,"\u0061":2}`, "json-dup", 7},
		{nest(65), "json-depth", 64},
	} {
		var invalid *InvalidError
		require.ErrorAs(t, CheckJSON([]byte(c.doc), nil), &invalid, c.doc)
		assert.Equal(t, c.code, invalid.First.Code, c.doc)
		assert.Equal(t, c.offset, invalid.First.Offset, c.doc)
		assert.Positive(t, invalid.First.Line, c.doc)
	}
}
