//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// After Ctrl-C the program ends cleanly and reports what it knows so far.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	p := proctest.Start(t, binary, "-size", "500MB", "-data", t.TempDir())
	require.Eventually(t, func() bool {
		return strings.Contains(p.Stdout.String(), "% sent")
	}, 3*time.Minute, time.Millisecond) // the disk may be slow
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Equal(t, 130, p.Exit(t, 30*time.Second))
	require.Contains(t, p.Stderr.String(), "interrupted")
	require.Equal(t, "interrupted", table(t, p.Stdout.String())["patients.ndjson"].status)
	require.NotContains(t, p.Stdout.String(), "FAILED")
	require.Contains(t, p.Stdout.String(), "The folder is kept")
	require.NotContains(t, p.Stdout.String(), "signature=", "a signed URL is a secret")
}

// Printed names contain no control characters, and printed paths work from any folder.
func TestPrintedNames(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	write(t, filepath.Join(in, "red\x1b[31m.json"), good)
	p := proctest.Start(t, binary, "-data", "here", in)
	require.Zero(t, p.Exit(t, 30*time.Second))
	require.Contains(t, p.Stdout.String(), `red\x1b[31m.json`)
	require.NotContains(t, p.Stdout.String(), "\x1b")
	here, err := filepath.EvalSymlinks(p.Dir)
	require.NoError(t, err)
	require.Contains(t, p.Stdout.String(), "\n  head -n 1 '"+filepath.Join(here, "here")+"/")
}

// A pipe is refused: it may never have a writer.
func TestPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe.ndjson")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	var out, errs bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{pipe}, noEnv, &out, &errs))
	require.Contains(t, errs.String(), "only regular .json and .ndjson files can be sent")
}
