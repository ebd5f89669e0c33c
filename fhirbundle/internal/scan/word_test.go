package scan

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpecial: for every byte at every position in a word, the lowest mark is at the
// first special byte.
func TestSpecial(t *testing.T) {
	odd := func(c byte) bool { return c == '"' || c == '\\' || c < ' ' || c >= 0x80 }
	for _, fill := range []byte{' ', '!', '#', 'a', '~', 0x7f, '[', ']'} {
		for _, behind := range []byte{0, '"', '\\', 0x80, 0xff, ' ', '!'} {
			for at := range 8 {
				for c := range 256 {
					var w uint64
					for k := range 8 {
						b := fill
						if k == at {
							b = byte(c)
						} else if k > at {
							b = behind
						}
						w |= uint64(b) << (8 * k)
					}
					m := special(w)
					switch {
					case odd(byte(c)):
						require.Equal(t, at, firstMarked(m), "%x", w)
					case at < 7 && odd(behind):
						require.Equal(t, at+1, firstMarked(m), "%x", w)
					default:
						require.Zero(t, m, "%x", w)
					}
				}
			}
		}
	}
}
