package fhirbundle

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// allocated is how many bytes f allocates, those that it frees again included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// checkAllocated bounds what is allocated for a payload that may be the worst
// that there is, with an issue on every line: linear in its length.
func checkAllocated(t testing.TB, data []byte, f func()) {
	t.Helper()
	const atAll, perByte = 4 << 20, 2000
	if got := allocated(f); got > atAll+perByte*uint64(len(data)) {
		require.Failf(t, "too much memory", "%d bytes are allocated for a payload of %d", got, len(data))
	}
}
