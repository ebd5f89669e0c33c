package columns

import (
	"bufio"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Columns equal those counted in the whole content, however it is split.
func TestColumns(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"a", "é", "€", "😀", "\r\n", "\n", "\xff", "\xe2\x82", strings.Repeat("x", 500), strings.Repeat("ü", 300)}
	for round := range 60 {
		var b strings.Builder
		if round%3 == 0 {
			b.WriteString(bom)
		}
		for range r.IntN(600) {
			piece := pieces[r.IntN(len(pieces))]
			if round%4 == 0 && piece[len(piece)-1] == '\n' {
				piece = "z" // one long line
			}
			b.WriteString(piece)
		}
		content := b.String()
		var offsets, want []int64
		for at := 0; at <= len(content); {
			if r.IntN(20) == 0 || at == 0 || at == len(content) {
				offsets = append(offsets, int64(at))
				line := strings.TrimPrefix(content[:at], bom)
				line = line[strings.LastIndexByte(line, '\n')+1:]
				want = append(want, int64(utf8.RuneCountInString(line))+1)
			}
			_, n := utf8.DecodeRuneInString(content[at:])
			at += max(n, 1)
		}
		for _, src := range []io.Reader{
			strings.NewReader(content), iotest.OneByteReader(strings.NewReader(content)), iotest.DataErrReader(strings.NewReader(content)),
		} {
			require.Equal(t, want, of(bufio.NewReaderSize(src, 16), offsets))
		}
	}
}

func TestAfterTheEnd(t *testing.T) {
	require.Equal(t, []int64{1, 4, 0, 0}, Of(strings.NewReader("abc"), []int64{0, 3, 4, 99}))
	require.Equal(t, []int64{1, 0}, Of(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrNoProgress)), []int64{0, 5}))
}
