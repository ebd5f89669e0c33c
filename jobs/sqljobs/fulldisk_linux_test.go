package sqljobs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadyDetectsFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can mount a small disk")
	}
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Skipf("SKIPPED: can't mount a small disk, for example in an unprivileged container: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	s, _ := openFile(t, filepath.Join(disk, "jobs.db"))
	require.NoError(t, s.Ready(t.Context()))

	ballast, err := os.Create(filepath.Join(disk, "ballast"))
	require.NoError(t, err)
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, s.Ready(t.Context()), syscall.ENOSPC)
	require.NoFileExists(t, filepath.Join(disk, "jobs.db-probe"))
	require.NoError(t, ballast.Close())
	require.NoError(t, os.Remove(ballast.Name()))
	require.NoError(t, s.Ready(t.Context()))
}
