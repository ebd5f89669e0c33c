package envflag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
)

func TestSizes(t *testing.T) {
	define := func() (s *envflag.Set, most, least *int64) {
		s = envflag.New("prog", "PROG_", "")
		most, least = new(int64), new(int64)
		s.SizeVar(most, "most", "1MiB", "`SIZE`: the largest")
		s.SizeVar(least, "least", "", "`SIZE`: the smallest")
		return s, most, least
	}
	s, most, least := define()
	require.NoError(t, s.Parse([]string{"-least", "5KB"}, env()))
	require.NoError(t, s.ReadSizes())
	require.EqualValues(t, 1<<20, *most)
	require.EqualValues(t, 5000, *least)

	s, _, least = define()
	require.NoError(t, s.Parse([]string{"-least", ""}, env()))
	require.NoError(t, s.ReadSizes())
	require.Zero(t, *least, "its default is empty")

	const be = " must be a size such as 500KB, 64MiB or 10GB"
	for _, wrong := range []string{"", "0", "many", "1e99", "-1"} {
		s, _, _ = define()
		require.NoError(t, s.Parse([]string{"-most", wrong}, env()))
		require.EqualError(t, s.ReadSizes(), "-most"+be, wrong)
	}
	s, _, _ = define()
	s.VariablesOnly = true
	require.NoError(t, s.Parse(nil, env("PROG_MOST", "secret", "PROG_LEAST", "0")))
	require.EqualError(t, s.ReadSizes(), "PROG_MOST"+be+"\nPROG_LEAST"+be)
}
