//go:build unix

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// tally holds the counts of some rounds.
type tally struct {
	rounds, acknowledged, lines, lost, doubled int
	answered, refused, cut, cutAllowed         int
	fenced                                     int // workers that found their lease lost
	waits                                      []time.Duration
	again                                      int
	findings                                   []string
	faults                                     []faultRun
	folder                                     string
}

func (t *tally) add(o *tally) {
	t.rounds += o.rounds
	t.acknowledged += o.acknowledged
	t.lines += o.lines
	t.lost += o.lost
	t.doubled += o.doubled
	t.answered += o.answered
	t.refused += o.refused
	t.cut += o.cut
	t.cutAllowed += o.cutAllowed
	t.fenced += o.fenced
	t.again += o.again
	t.faults = append(t.faults, o.faults...)
	t.waits = append(t.waits, o.waits...)
	t.findings = append(t.findings, o.findings...)
}

// late returns the number of recoveries that took more than two sweeps.
func (t *tally) late(c *config) int {
	n := 0
	for _, w := range t.waits {
		if w > 2*c.sweep {
			n++
		}
	}
	return n
}

// judge adds findings about many recoveries. On a busy machine some are late without a
// fault.
func (t *tally) judge(c *config) {
	slices.Sort(t.waits)
	if n := len(t.waits); modes[c.mode].faults == nil && n >= 20 && t.waits[n/2] > 2*c.sweep {
		t.findings = append(t.findings, "most interrupted jobs waited for more than two sweeps")
	}
}

func (t *tally) print(out io.Writer, c *config) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("rounds", "%d", t.rounds)
	row("jobs acknowledged", "%d", t.acknowledged)
	row("lines in the lake", "%d", t.lines)
	row("requests answered", "%d", t.answered)
	row("connections refused", "%d", t.refused)
	row("requests cut", "%d, and %d that may be cut", t.cut, t.cutAllowed)
	row("workers that found their lease lost", "%d", t.fenced)
	if n := len(t.waits); n > 0 {
		row("interrupted jobs resumed", "%d, p50 %s, p99 %s, max %s after the lease's end or the restart; %d later than two sweeps (%s)", n,
			t.waits[n/2].Round(time.Millisecond), t.waits[n*99/100].Round(time.Millisecond), t.waits[n-1].Round(time.Millisecond), t.late(c), 2*c.sweep)
	}
	row("jobs interrupted again before that", "%d", t.again)
	for _, f := range t.faults {
		row(f.name, "%s", f)
	}
	_ = w.Flush() // like all printing here, unchecked
	if n := len(t.findings); n > 0 {
		fmt.Fprintf(out, "%d findings, the last: %s\n", n, t.findings[n-1])
	}
	fmt.Fprintf(out, "%d rounds, %d acknowledged jobs lost, %d lines doubled\n", t.rounds, t.lost, t.doubled)
}
