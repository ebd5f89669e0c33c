package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What the front door accepts a worker takes, unless it is told otherwise.
func TestMaxWholeBytesFollowsMaxBodyBytes(t *testing.T) {
	for _, c := range []struct {
		opts    *WorkerOptions
		maxBody int64
		want    int64
	}{
		{nil, 1 << 20, 64 << 20},
		{nil, 200 << 20, 200 << 20},
		{&WorkerOptions{MaxWholeBytes: 1 << 20}, 200 << 20, 1 << 20},
	} {
		o, err := c.opts.withDefaults(c.maxBody)
		require.NoError(t, err)
		require.Equal(t, c.want, o.MaxWholeBytes)
	}
}
