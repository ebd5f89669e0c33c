//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/examples/internal/proctest"
)

// Whoever runs programs ends them with SIGTERM, people with Ctrl-C.
func TestSignalsEndInOrder(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := proctest.Start(t, binary, "-addr", "127.0.0.1:0")
		p.Wait(t, "serving")
		require.NoError(t, p.Process.Signal(s))
		require.Zero(t, p.Exit(t, 20*time.Second), s.String())
	}
}
