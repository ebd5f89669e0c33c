//go:build (amd64 || arm64) && !fhirdock_safe && !purego

package fhirbundle

import (
	"bytes"
	"unicode/utf8"
)

// scanString is walkString with loads that are not checked one by one.
func scanString(data []byte, i int, nul bool) (int, fault) {
	p := textOf(data)
	for lim := len(data) - margin; i >= 0 && i <= lim; {
		i = nextSpecial(p, i, lim)
		w := wordAt(p, i)
		c := byte(w)
		switch {
		case c == '"':
			return i, fine
		case c == '\\' && simple[byte(w>>8)]:
			i += 2
		case c-0xc2 < 0xe0-0xc2 && w&0xc000 == 0x8000:
			i += 2
		case c-0xe1 < 0xed-0xe1 && w&0xc0c000 == 0x808000:
			i += 3
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			var f fault
			if i, f = unusual(data, i, nul); f != fine {
				return i, f
			}
		}
	}
	return walkString(data, i, nul)
}

// endOfString returns the index of the closing quote of a string that was scanned
// before and whose text starts at data[i], and whether it has no escapes.
func endOfString(data []byte, i int) (end int, plain bool) {
	if i < 0 || i > len(data)-margin {
		return endOfLate(data, i, i)
	}
	p := textOf(data)
	for end = i; end < i+margin-64; {
		m := special(wordAt(p, end))
		if m == 0 {
			end += 8
			continue
		}
		if end += first(m); byteAt(p, end) == '"' {
			return end, true
		}
		break
	}
	return endOfLate(data, i, end)
}

// endOfLate is endOfString for what is long, near the end of the data, or not plain;
// there is no quote before data[from].
func endOfLate(data []byte, i, from int) (end int, plain bool) {
	end, _ = scanString(data, from, true)
	return end, bytes.IndexByte(data[i:end], '\\') < 0
}
