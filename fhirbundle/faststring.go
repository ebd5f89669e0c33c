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
	end = i
	if lim := len(data) - margin; i >= 0 && i <= lim {
		p := textOf(data)
		if end = nextSpecial(p, i, lim); byteAt(p, end) == '"' {
			return end, true
		}
	}
	end, _ = walkString(data, end, true)
	return end, bytes.IndexByte(data[i:end], '\\') < 0
}
