package fhirbundle

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/fhirbundle/internal/scan"
)

// counted counts the bytes read from it.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// TestReadAhead: after one large line, a reader does not read as much ahead again.
func TestReadAhead(t *testing.T) {
	const large = 8 << 20
	line := `{"resourceType":"Basic","x":"` + strings.Repeat("x", 1000) + "\"}\n"
	src := &counted{Reader: io.MultiReader(
		strings.NewReader(`{"resourceType":"Basic","x":"`+strings.Repeat("x", large)+"\"}\n"),
		&pattern{body: line, left: 20_000},
	)}
	r := must(NewReader(src, &Options{Format: FormatNDJSON}))
	_, err := r.Next()
	require.NoError(t, err)
	require.LessOrEqual(t, src.n, int64(3*large)) // at most as much again as was scanned
	for {
		before := src.n
		_, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.LessOrEqual(t, src.n-before, int64(scan.Block))
	}
}

// TestHighestLimits: the highest limits do not overflow an int, even of 32 bits.
func TestHighestLimits(t *testing.T) {
	o := Options{MaxStringBytes: maxInt31, MaxEntryBytes: maxInt31, Format: FormatNDJSON}
	text := `{"resourceType":"Basic","x":"` + strings.Repeat("x", 600_000) + `"}`
	rep, err := Validate(strings.NewReader(text+"\n"+text), &o)
	require.NoError(t, err)
	require.Zero(t, rep.Rejected)
	require.Equal(t, int64(2), rep.Entries)
	o.Format = FormatBundle
	rep, err = Validate(strings.NewReader(tx(post(text))), &o)
	require.NoError(t, err)
	require.NoError(t, rep.Err())
}
