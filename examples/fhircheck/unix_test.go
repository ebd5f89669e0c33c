//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// Ctrl-C ends the program at once, even while it waits for input.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	// A file's findings are printed before the next file is read, so they show that the
	// program is about to wait.
	in := filepath.Join(t.TempDir(), "wrong.json")
	write(t, in, wrong)
	p := proctest.StartReading(t, binary, r, in, "-")
	require.Eventually(t, func() bool { return strings.Contains(p.Stdout.String(), "bundle-type") }, 30*time.Second, time.Millisecond)
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Equal(t, 130, p.Exit(t, 30*time.Second))
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	require.NoError(t, os.Chmod(in, 0o755))
	write(t, filepath.Join(in, "secret.json"), good)
	write(t, filepath.Join(in, "closed", "a.json"), good)
	require.NoError(t, os.Chmod(filepath.Join(in, "secret.json"), 0))
	require.NoError(t, os.Chmod(filepath.Join(in, "closed"), 0))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(in, "closed"), 0o700) })
	require.NoError(t, os.WriteFile(filepath.Join(in, "wrong.json"), []byte(wrong), 0o644))
	require.NoError(t, os.Chmod(filepath.Join(in, "wrong.json"), 0o644))
	p := proctest.StartUnprivileged(t, binary, in)
	require.Equal(t, 2, p.Exit(t, time.Minute))
	require.Contains(t, p.Stderr.String(), "fhircheck: "+filepath.Join(in, "secret.json")+": permission denied\n")
	require.Contains(t, p.Stderr.String(), "fhircheck: "+filepath.Join(in, "closed")+": permission denied\n")
	require.Contains(t, p.Stdout.String(), "wrong.json:1:1: error bundle-type")
}

// A pipe in a folder is skipped, since it would block; a named one is read.
func TestPipes(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	pipe := filepath.Join(in, "pipe.json")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	write(t, filepath.Join(in, "good.json"), good)
	p := proctest.Start(t, binary, in)
	require.Zero(t, p.Exit(t, time.Minute))
	require.Contains(t, p.Stderr.String(), "1 file checked, 1 skipped")

	p = proctest.Start(t, binary, pipe)
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = io.WriteString(w, warned)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Zero(t, p.Exit(t, time.Minute))
	require.Contains(t, p.Stdout.String(), "pipe.json:1:106: warning fhir-json-null")
}
