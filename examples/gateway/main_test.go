package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
)

var update = flag.Bool("update", false, "write testdata/help.txt anew")

func TestHelp(t *testing.T) {
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"--help"}, noEnv, &out, &errs))
	require.Empty(t, errs.String())
	if *update {
		require.NoError(t, os.WriteFile("testdata/help.txt", out.Bytes(), 0o600))
	}
	want, err := os.ReadFile("testdata/help.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())

	set, _ := gatewayflags.New()
	n := 0
	set.VisitAll(func(f *flag.Flag) {
		n++
		require.Contains(t, out.String(), "\n  -"+f.Name)
		require.Contains(t, out.String(), "FHIRDOCK_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))+"\n")
	})
	require.Greater(t, n, 15)
	for _, name := range []string{"addr", "data", "blob", "topic", "subscription", "jobs", "role", "validation", "fhir-version", "token", "log-level", "types", "prefix", "output-prefix", "outcomes-prefix", "staging-prefix", "max-string", "max-depth"} {
		require.NotNil(t, set.Lookup(name), name)
	}
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), 110, line)
	}
}

func noEnv(string) (string, bool) { return "", false }

func TestWrongUse(t *testing.T) {
	for args, want := range map[string]string{
		"-nope": "-nope", "file.json": "unexpected argument", "-role boss": "-role",
		"-token s3cret": "-token",
	} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(t.Context(), strings.Fields(args), noEnv, &out, &errs))
		require.Contains(t, errs.String(), want)
		require.Empty(t, out.String())
	}
}
