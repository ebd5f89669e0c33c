package sqljobs

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A call that arrives just as the last group ends is not left waiting.
func TestNoCallIsLost(t *testing.T) {
	g := gather(1, nil, func(_ context.Context, group []*call[int, int]) {
		for _, w := range group {
			w.answer(w.arg, nil)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 1000 { // so few calls at a time that no later one would rescue a lost one
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for i := range 50 {
					if got, err := g.call(ctx, i); err != nil || got != i {
						t.Error(got, err)
						return
					}
				}
			})
		}
		wg.Wait()
		require.False(t, t.Failed())
	}
}

// Calls with the same key are not in one group, and all are answered.
func TestKeysAreUniqueInGroup(t *testing.T) {
	key := func(s string) string { return s }
	twice := false
	g := gather(1, key, func(_ context.Context, group []*call[string, int]) {
		seen := map[string]bool{}
		for _, w := range group {
			twice = twice || seen[w.arg]
			seen[w.arg] = true
			w.answer(len(group), nil)
		}
	})
	g.hold()
	var wg sync.WaitGroup
	for _, arg := range []string{"a", "a", "b", "a", "b"} {
		wg.Go(func() { _, _ = g.call(t.Context(), arg) })
	}
	for g.count() < 5 {
		runtime.Gosched()
	}
	g.resume()
	wg.Wait()
	require.False(t, twice)
	require.Zero(t, g.count())
}
