package fhirbundle

import (
	"bytes"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// guarded is memory behind which there is none: a load beyond it ends the test.
type guarded struct{ all []byte }

func newGuarded(t *testing.T, size int) *guarded {
	page := os.Getpagesize()
	size = (size + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Munmap(all) })
	require.NoError(t, syscall.Mprotect(all[size:], syscall.PROT_NONE))
	return &guarded{all[:size:size]}
}

// put returns a copy of data that ends where the memory does.
func (g *guarded) put(data []byte) []byte {
	at := g.all[len(g.all)-len(data):]
	copy(at, data)
	return at
}

// TestNothingIsReadBeyond: whatever a payload is and wherever it ends, no byte
// behind it is looked at.
func TestNothingIsReadBeyond(t *testing.T) {
	const most = 1 << 20
	g := newGuarded(t, most)
	all := seeds(t)
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	r := rand.New(rand.NewPCG(1, 5))
	read := func(data []byte) {
		data = g.put(data)
		want := bytes.Clone(data)
		for _, o := range []Options{{Level: Strict, Types: []string{}}, {Level: Basic, Format: NDJSON}} {
			must(ValidateBytes(data, &o))
		}
		_ = CheckJSON(data, nil)
		AppendLine(nil, data)
		require.True(t, bytes.Equal(want, data)) // nor is one written
	}
	for _, data := range all {
		if len(data) > 20_000 {
			continue
		}
		for k := max(0, len(data)-300); k <= len(data); k++ {
			read(data[:k])
		}
	}
	for range n {
		data := mutate(r, all)
		if len(data) <= most {
			read(data[:r.IntN(len(data)+1)])
		}
	}
}
