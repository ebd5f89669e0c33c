package fhirbundle

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCheckJSON: any value is taken, and what is wrong is told with its place,
// a byte order mark counted.
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
