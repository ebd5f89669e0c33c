//go:build unix

package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// Ctrl-C in the middle ends in order, with what is known so far.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	p := proctest.Start(t, binary, "-size", "2GB", "-data", t.TempDir())
	require.Eventually(t, func() bool {
		return strings.Contains(p.Stdout.String(), "patients.ndjson: sent")
	}, 30*time.Second, time.Millisecond)
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Equal(t, 130, p.Exit(t, 30*time.Second))
	require.Contains(t, p.Stderr.String(), "interrupted")
	require.Contains(t, p.Stdout.String(), "The folder is kept")
	require.NotContains(t, p.Stdout.String(), "signature=", "a signed URL is a secret")
}
