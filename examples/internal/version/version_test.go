package version

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAsked(t *testing.T) {
	for args, want := range map[string]bool{
		"": false, "-version": true, "--version": true, "-strict -version": true,
		"-version R5 file.json": false, "version": false,
	} {
		require.Equal(t, want, Asked(strings.Fields(args)), args)
	}
}

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Write(&b, "gateway"))
	require.Regexp(t, `^gateway \S+ \(go\S+ \w+/\w+\)\n$`, b.String())
	require.Equal(t, "(devel)", of(nil))
	require.Equal(t, "v1.2.3", of(&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}))
}
