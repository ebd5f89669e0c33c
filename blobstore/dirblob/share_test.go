package dirblob

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Calls during a sync share the next one, which starts after them. Its error is returned
// to each of them and to no other call.
func TestSyncsAreShared(t *testing.T) {
	s := sharedSyncs{folders: make(map[string]*syncQueue)}
	begun, goOn := make(chan struct{}), make(chan struct{})
	fault := errors.New("fault")
	var calls atomic.Int32
	do := func(folder string) error {
		require.Equal(t, "f", folder)
		if calls.Add(1) == 1 {
			close(begun)
			<-goOn
			return nil
		}
		return fault
	}
	var wg sync.WaitGroup
	var first error
	wg.Go(func() { first = s.sync("f", do) })
	<-begun
	const others = 10
	var failed atomic.Int32
	for range others {
		wg.Go(func() {
			if s.sync("f", do) == fault {
				failed.Add(1)
			}
		})
	}
	for waiting := 0; waiting < others; {
		s.mu.Lock()
		waiting = len(s.folders["f"].waiting)
		s.mu.Unlock()
	}
	require.NoError(t, s.sync("g", func(string) error { return nil }), "another folder does not wait")
	close(goOn)
	wg.Wait()
	require.NoError(t, first)
	require.EqualValues(t, others, failed.Load())
	require.EqualValues(t, 2, calls.Load())
	require.Empty(t, s.folders, "folders without calls are removed")
}
