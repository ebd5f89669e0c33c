package alive_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/blobstore/dirblob/alive"
)

// A name is never found dead before its lock is held, either: who found it would go on
// taking it for dead.
func TestNotDeadWhileItIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	first, err := alive.Hold(dir) // keeps the folder
	require.NoError(t, err)
	defer first.Close()
	var mu sync.Mutex
	dead := map[string]bool{}
	stop := make(chan struct{})
	var probing sync.WaitGroup
	for range 3 {
		probing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				names, _ := alive.Names(dir)
				for _, name := range names {
					if is, _ := alive.Dead(dir, name); is {
						mu.Lock()
						dead[name] = true
						mu.Unlock()
					}
				}
			}
		})
	}
	var names []string
	for range 3000 {
		l, err := alive.Hold(dir)
		require.NoError(t, err)
		names = append(names, l.Name())
		require.NoError(t, l.Close())
	}
	close(stop)
	probing.Wait()
	for _, name := range names {
		require.False(t, dead[name], "found dead")
	}
}
