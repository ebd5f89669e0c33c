//go:build unix

package main

import (
	"debug/buildinfo"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program under test is built with the same race detector and driver tags as its
// tests.
func TestBuiltLikeItsTests(t *testing.T) {
	flags := func(info *debug.BuildInfo) map[string]string {
		found := map[string]string{}
		for _, s := range info.Settings {
			if s.Key == "-race" || s.Key == "-tags" {
				found[s.Key] = s.Value
			}
		}
		return found
	}
	these, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	program, err := buildinfo.ReadFile(binary)
	require.NoError(t, err)
	require.Equal(t, flags(these), flags(program))
}
