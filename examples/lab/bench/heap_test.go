package main

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is alive beside the data makes garbage collection rarer, and with it whoever
// makes garbage faster than in a service. It must be little, after all have read.
func TestSmallHeap(t *testing.T) {
	sets, err := datasets(tiny())
	require.NoError(t, err)
	others, err := startApart(context.Background(), sets, &progress{})
	require.NoError(t, err)
	defer others.stop()
	all := contestants(others)
	data := uint64(0)
	for _, d := range sets {
		data += uint64(d.size())
		for _, who := range all {
			if who.absent == "" {
				_, _, err := who.run(d, 1)
				require.NoError(t, err, who.name)
			}
		}
	}
	for range 3 { // pools are emptied by the second one
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	runtime.KeepAlive(all)
	t.Logf("%.1f MB are alive, %.1f MB of them data", float64(m.HeapAlloc)/1e6, float64(data)/1e6)
	assert.Less(t, m.HeapAlloc, data+8e6)
}
