package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
)

// view shows progress. It is safe for concurrent use.
type view interface {
	line(format string, args ...any)
	begin(r *result) tracker
	close()
}

// tracker shows one payload's progress.
type tracker interface {
	sent(bytes int64) // so far
	working(job *frontdoor.Job)
	end(r *result)
}

func newView(out io.Writer) view {
	if columns, terminal := width(out); terminal {
		return newBars(out, columns)
	}
	return &lines{out: out, every: time.Second}
}

// lines is the view without a terminal: a line for each event, and one a second for longer
// work.
type lines struct {
	mu    sync.Mutex
	out   io.Writer
	every time.Duration
}

func (l *lines) line(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, format+"\n", args...)
}

func (l *lines) close() {}

func (l *lines) begin(r *result) tracker {
	l.line("%s", began(r))
	return &lineTracker{lines: l, r: r, last: time.Now()}
}

type lineTracker struct {
	*lines
	r    *result
	last time.Time
}

// now reports whether it is time for another line.
func (t *lineTracker) now() bool {
	if time.Since(t.last) < t.every {
		return false
	}
	t.last = time.Now()
	return true
}

func (t *lineTracker) sent(n int64) {
	if t.now() {
		t.line("  %s: %s sent", t.r.name, percent(n, t.r.size))
	}
}

func (t *lineTracker) working(job *frontdoor.Job) {
	switch {
	case job.Finished() || !t.now():
	case job.Progress.Bytes >= t.r.size:
		t.line("  %s: all processed, the output is being written", t.r.name)
	default:
		t.line("  %s: %s, %s processed, %s", t.r.name, job.Status,
			percent(job.Progress.Bytes, t.r.size), number(job.Progress.Done, "resource"))
	}
}

func (t *lineTracker) end(r *result) { t.line("%s", ended(r)) }

func began(r *result) string {
	how := "by webhook"
	if r.upload() {
		how = "by signed upload"
	}
	return fmt.Sprintf("sending %s, %s, %s", r.name, humanize.Bytes(uint64(r.size)), how)
}

func ended(r *result) string {
	switch {
	case r.interrupted():
		return fmt.Sprintf("interrupted: %s", r.name)
	case !r.expected():
		return fmt.Sprintf("FAILED %s: %s", r.name, why(r))
	case r.err != nil:
		return fmt.Sprintf("refused %s, as it should be: %v", r.name, r.err)
	}
	return fmt.Sprintf("done with %s: %s, %s rejected", r.name,
		number(r.job.Progress.Done, "resource"), humanize.Comma(r.job.Progress.Rejected))
}

// why describes what went wrong with a payload.
func why(r *result) string {
	s := "it was accepted, and should have been refused"
	switch {
	case r.err != nil:
		s = r.err.Error()
		if f := r.refused(); f != nil && len(f.Issues) > 1 {
			s += fmt.Sprintf(" (and %s)", number(int64(len(f.Issues)-1), "more finding"))
		}
	case r.refusal == "":
		s = "the job is " + r.job.Status
		if r.job.Error != "" {
			s += ": " + r.job.Error
		}
	}
	if r.inside() {
		s += "; the reason is in " + logName
	}
	return s
}

// number formats a count with its noun in the singular or plural.
func number(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return humanize.Comma(n) + " " + thing
}

func percent(n, of int64) string {
	if of <= 0 {
		return "100%"
	}
	return fmt.Sprintf("%d%%", min(n, of)*100/of)
}
