package scan

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// String scans the string whose text starts at data[i], after the opening
// quote, and returns the index of its closing quote. nul allows \u0000.
func String(data []byte, i int, nul bool) (int, Fault) {
	for {
		if i = nextSpecial(data, i); i >= len(data) {
			return len(data), More
		}
		if data[i] == '"' {
			return i, OK
		}
		var f Fault
		if i, f = specialRun(data, i, nul); f != OK {
			return i, f
		}
	}
}

// nextSpecial returns the index of the first byte from i on that special marks, or
// len(data) or more if there is none.
func nextSpecial(data []byte, i int) int {
	for i >= 0 && i <= len(data)-32 {
		p := (*[32]byte)(data[i : i+32])
		if m := special(binary.LittleEndian.Uint64(p[:8])); m != 0 {
			return i + firstMarked(m)
		}
		if m := special(binary.LittleEndian.Uint64(p[8:16])); m != 0 {
			return i + 8 + firstMarked(m)
		}
		if m := special(binary.LittleEndian.Uint64(p[16:24])); m != 0 {
			return i + 16 + firstMarked(m)
		}
		if m := special(binary.LittleEndian.Uint64(p[24:])); m != 0 {
			return i + 24 + firstMarked(m)
		}
		i += 32
	}
	for {
		if m := special(Load(data, i)); m != 0 {
			return i + firstMarked(m)
		}
		i += 8
	}
}

// StringEnd returns the index of the closing quote of a string that was scanned
// before and whose text starts at data[i], and whether it has no escapes.
func StringEnd(data []byte, i int) (end int, plain bool) {
	end = nextSpecial(data, i)
	if end < len(data) && data[end] == '"' {
		return end, true
	}
	end, _ = String(data, end, true)
	return end, bytes.IndexByte(data[i:end], '\\') < 0
}

// specialRun checks the run of escapes and of characters beyond ASCII at data[i],
// and returns the index of the first plain character after it, which may be
// the closing quote.
func specialRun(data []byte, i int, nul bool) (int, Fault) {
	for i < len(data) {
		c := data[i]
		switch {
		case c == '\\':
			if i+1 < len(data) && simpleEscape[data[i+1]] {
				i += 2
				continue
			}
			n, f := Escape(data, i)
			if f == BadNUL && nul {
				f, n = OK, len(`\u0000`)
			}
			if f != OK {
				return i, f
			}
			i += n
		case c >= utf8.RuneSelf:
			// Characters of two and three bytes need no decoder, except in blocks
			// where some continuation bytes are invalid.
			w := Load(data, i)
			switch {
			case c-0xc2 < 0xe0-0xc2 && w&0xc000 == 0x8000:
				i += 2
				continue
			case c-0xe1 < 0xed-0xe1 && w&0xc0c000 == 0x808000:
				i += 3
				continue
			}
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				if !utf8.FullRune(data[i:]) {
					return i, More
				}
				return i, BadUTF8
			}
			i += n
		case c == 0:
			return i, BadNUL
		case c < ' ':
			return i, badControl
		default:
			return i, OK
		}
	}
	return i, More
}

// simpleEscape has the characters that form an escape with just a backslash.
var simpleEscape = [256]bool{'"': true, '\\': true, '/': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

// Escape checks the escape sequence at data[i], a backslash, and returns its
// length: 12 for a surrogate pair.
func Escape(data []byte, i int) (int, Fault) {
	if i+1 >= len(data) {
		return 0, More
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, OK
	case 'u':
	default:
		return 0, badEscape
	}
	r, f := hex4(data, i+2)
	switch {
	case f != OK:
		return 0, f
	case r == 0:
		return 0, BadNUL
	case r < 0xd800 || r > 0xdfff:
		return 6, OK
	case r >= 0xdc00:
		return 0, BadSurrogate
	}
	for k, want := range [2]byte{'\\', 'u'} {
		if i+6+k >= len(data) {
			return 0, More
		}
		if data[i+6+k] != want {
			return 0, BadSurrogate
		}
	}
	r, f = hex4(data, i+8)
	if f != OK {
		return 0, f
	}
	if r < 0xdc00 || r > 0xdfff {
		return 0, BadSurrogate
	}
	return 12, OK
}

func hex4(data []byte, i int) (rune, Fault) {
	if i >= 0 && i <= len(data)-4 {
		a, b, c, d := HexDigit[data[i]], HexDigit[data[i+1]], HexDigit[data[i+2]], HexDigit[data[i+3]]
		if a|b|c|d < 16 {
			return rune(a)<<12 | rune(b)<<8 | rune(c)<<4 | rune(d), OK
		}
	}
	return slowHex4(data, i)
}

// HexDigit is the value of a hexadecimal digit, and 255 for other characters.
var HexDigit = func() (digits [256]uint8) {
	for c := range digits {
		digits[c] = 255
	}
	for v, c := range "0123456789abcdef" {
		digits[c] = uint8(v)
	}
	for v, c := range "ABCDEF" {
		digits[c] = uint8(10 + v)
	}
	return digits
}()

// slowHex4 is hex4 for digits that may be incomplete or invalid.
func slowHex4(data []byte, i int) (rune, Fault) {
	var r rune
	for k := i; k < i+4; k++ {
		if k >= len(data) {
			return 0, More
		}
		c := data[k]
		switch {
		case c-'0' < 10:
			r = r<<4 | rune(c-'0')
		case c|0x20-'a' < 6:
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, badEscape
		}
	}
	return r, OK
}

// Unescape appends the text of a string without its escapes. The text was scanned
// before, and is given without quotes.
func Unescape(dst, text []byte) []byte {
	for {
		n := bytes.IndexByte(text, '\\')
		if n < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:n]...)
		text = text[n:]
		switch c := text[1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(text, 2)
			if r >= 0xd800 && r <= 0xdfff {
				low, _ := hex4(text, 8)
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				text = text[6:]
			}
			dst = utf8.AppendRune(dst, r)
			text = text[4:]
		default:
			dst = append(dst, c)
		}
		text = text[2:]
	}
}
