//go:build linux || darwin

package alive_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stopped process is not dead, because it may continue.
func TestStoppedProcessIsNotDead(t *testing.T) {
	dir := t.TempDir()
	proves(t, dir)
	locks := filepath.Join(dir, "locks")
	p := start(t, locks)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	require.False(t, dead(t, locks, p.name))
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
	require.True(t, dead(t, locks, p.name))
}
