package main

import (
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// bars is the view on a terminal. Each payload in progress has a bar that fills twice,
// first while it is sent and then while it is processed. Finished payloads remain as lines
// above the bars.
type bars struct {
	out io.Writer
	p   *mpb.Progress
}

func newBars(out io.Writer, columns int) *bars {
	return &bars{out: out, p: mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh(), mpb.WithWidth(max(columns-60, 10)))}
}

func (b *bars) line(format string, args ...any) {
	line := fmt.Sprintf(format+"\n", args...)
	if _, err := b.p.Write([]byte(line)); err != nil {
		fmt.Fprint(b.out, line) // the bars are closed
	}
}

func (b *bars) close() { b.p.Wait() }

func (b *bars) begin(r *result) tracker {
	t := &barTracker{bars: b}
	phase := "sending"
	t.phase.Store(&phase)
	t.bar = b.p.New(0, mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]"),
		mpb.PrependDecorators(
			decor.Name(shorten(filepath.Base(r.name), 24), decor.WC{W: 25, C: decor.DindentRight}),
			decor.Any(func(decor.Statistics) string { return *t.phase.Load() }, decor.WC{W: 11, C: decor.DindentRight}),
		),
		mpb.AppendDecorators(
			decor.Any(func(s decor.Statistics) string {
				return percent(s.Current, r.size) + " of " + humanize.Bytes(uint64(r.size))
			}, decor.WC{W: 17}),
		),
	)
	t.bar.SetTotal(r.size, false)
	return t
}

type barTracker struct {
	*bars
	bar   *mpb.Bar
	phase atomic.Pointer[string]
}

func (t *barTracker) sent(n int64) { t.bar.SetCurrent(n) }

func (t *barTracker) working(job *frontdoor.Job) {
	t.phase.Store(&job.Status)
	t.bar.SetCurrent(job.Progress.Bytes)
}

func (t *barTracker) end(r *result) {
	// The line comes first: it is only drawn together with the bars, which may not be
	// drawn again after the last one ends.
	t.line("%s", ended(r))
	t.bar.Abort(true)
}

// shorten keeps the end of a name, where names differ most.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return "…" + string(r[len(r)-n+1:])
}
