package fhirbundle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLineEndsTheValue: a value that goes on in the next line is broken, wherever
// the line feed stands, though it would be white space in JSON. After a first line
// that is whole nothing is taken for a document over several lines.
func TestLineEndsTheValue(t *testing.T) {
	line := `{"resourceType": "A", "x": [ 1, true, {"y": "z"} ], "text": "` + strings.Repeat("abc ", 40) + `" , "z": {} }`
	for i := 1; i < len(line); i++ {
		data := "{}\n" + line[:i] + "\n" + line[i:] + "\n" + line
		r := must(NewBytesReader([]byte(data), &Options{Format: FormatNDJSON}))
		var starts []int64
		var rejected []bool
		for e, err := range r.All() {
			require.NoError(t, err)
			starts, rejected = append(starts, e.Offset), append(rejected, e.Rejected())
			for _, is := range e.Issues {
				require.LessOrEqual(t, is.Offset, e.Offset+e.Size, "%d", i)
			}
		}
		require.Equal(t, []int64{0, 3, int64(i + 4), int64(len(line) + 5)}, starts)
		require.Equal(t, []bool{true, true, true, false}, rejected, "%d", i)
	}
}
