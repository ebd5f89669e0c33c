package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bar returns a progress on a pretended terminal, and its clock.
func bar(total int64) (*Progress, *bytes.Buffer, *time.Time) {
	var out bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	p := newProgress(&out, total, true, func() time.Time { return now })
	return p, &out, &now
}

func TestProgress(t *testing.T) {
	p, out, now := bar(100_000_000)
	for range 100 { // a second, in steps of 10 milliseconds
		*now = now.Add(10 * time.Millisecond)
		p.read(1_000_000)
	}
	drawn := strings.Split(out.String(), eraseLine)
	require.LessOrEqual(t, len(drawn)-1, 10, "at most ten times a second")
	require.GreaterOrEqual(t, len(drawn)-1, 9)
	require.Equal(t, "[                        ] 1% of 100 MB, 100 MB/s", drawn[1])
	require.Equal(t, "[============            ] 51% of 100 MB, 100 MB/s", drawn[6])
	require.NotContains(t, out.String(), "\n")
	p.Erase()
	p.Erase()
	require.Equal(t, strings.Join(drawn, eraseLine)+eraseLine, out.String(), "it is erased once")
}

func TestProgressOfAGrowingFile(t *testing.T) {
	p, out, now := bar(10_000_000)
	*now = now.Add(time.Second)
	p.read(30_000_000)
	require.Contains(t, out.String(), "[========================] 100% of 10 MB")
}

func TestProgressWithoutATotal(t *testing.T) {
	p, out, now := bar(-1)
	*now = now.Add(time.Second)
	p.read(smallInput)
	require.Empty(t, out.String(), "nothing is drawn for small input")
	p.read(smallInput)
	require.Equal(t, eraseLine+"8.4 MB, 8 MB/s", out.String())
}

func TestNoProgress(t *testing.T) {
	p, out, now := bar(smallInput)
	*now = now.Add(time.Second)
	p.read(smallInput)
	require.Empty(t, out.String(), "nothing is drawn for small input")

	var errs bytes.Buffer
	p = NewProgress(&errs, 1<<40)
	p.read(1 << 30)
	p.Erase()
	require.Empty(t, errs.String(), "nothing is drawn without a terminal")
}
