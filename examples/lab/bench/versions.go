package main

import (
	"runtime/debug"
	"slices"
	"strings"
)

// versionOf is the version of a module that is built in, as go.mod has it; empty
// where the binary does not say.
func versionOf(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return ""
}

// hasSetting says whether a value is in a list that the binary was built with.
func hasSetting(info *debug.BuildInfo, key, value string) bool {
	for _, s := range info.Settings {
		if s.Key == key {
			return slices.Contains(strings.Split(s.Value, ","), value)
		}
	}
	return false
}
