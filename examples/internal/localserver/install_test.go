//go:build unix

package localserver

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Concurrent callers install a server once, and none sees an incomplete installation.
func TestInstalledOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "cache", "server-1")
	log := filepath.Join(t.TempDir(), "log")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			err := installInto(t.Context(), folder, func(into string) []string {
				return []string{"sh", "-c", `mkdir "$0/bin" && sleep 0.1 && echo made >> "$1" && echo x > "$0/bin/server"`, into, log}
			})
			if err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(folder, "bin", "server")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	made, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, "made\n", string(made))
}

// A failed installation leaves nothing that looks like one.
func TestFailedInstallation(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "server-1")
	err := installInto(t.Context(), folder, func(into string) []string {
		return []string{"sh", "-c", `mkdir "$0/bin"; echo why; exit 3`, into}
	})
	require.ErrorContains(t, err, "why")
	require.NoDirExists(t, folder)
	left, err := filepath.Glob(folder + "-*")
	require.NoError(t, err)
	require.Empty(t, left)
}
