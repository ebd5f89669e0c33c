package urlmux_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/internal/urlmux"
)

func TestLookup(t *testing.T) {
	m := urlmux.Mux[int]{Package: "p", Imports: map[string]string{"s3": "example.org/s3"}, BuiltIn: []string{"mem"}}
	m.Register("dir", 1)
	m.Register("a", 2)
	for _, s := range []string{"dir:///folder?x=1", "dir:folder", "dir://h1:1,h2:2/%zz"} {
		got, err := m.Lookup(s)
		require.NoError(t, err)
		require.Equal(t, 1, got)
	}
	for s, want := range map[string]string{
		"s3://bucket":            `p: no driver for s3:// is linked in: add import _ "example.org/s3"`,
		"ftp://user:canary@host": "p: unknown scheme ftp:; known are a, dir, mem, s3",
		"folder":                 "p: the URL has no scheme; known are a, dir, mem, s3",
		"":                       "p: the URL has no scheme; known are a, dir, mem, s3",
		"user@canary:x":          "p: the URL has no scheme; known are a, dir, mem, s3",
	} {
		_, err := m.Lookup(s)
		require.EqualError(t, err, want)
	}
	require.PanicsWithValue(t, `p: scheme "a" is registered twice`, func() { m.Register("a", 3) })
}
