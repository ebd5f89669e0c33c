package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Progress is a bar in a terminal's last line, drawn while a large file is read. What is
// read must also be written to it, for example by io.TeeReader: that draws the bar, there is
// no goroutine.
type Progress struct {
	out   io.Writer
	on    bool
	now   func() time.Time
	total int64 // bytes; -1 if unknown
	done  int64
	began time.Time
	last  time.Time // when last drawn
	shown bool
}

const (
	// smallInput is read too quickly for a bar.
	smallInput = 4 << 20
	redraw     = 100 * time.Millisecond
	barWidth   = 24
)

// NewProgress returns a bar for reading total bytes, -1 if unknown. It draws nothing for a
// few megabytes, or if out is not a terminal of 60 columns or more.
func NewProgress(out io.Writer, total int64) *Progress {
	columns, _ := Width(out)
	return newProgress(out, total, columns >= 60, time.Now)
}

func newProgress(out io.Writer, total int64, on bool, now func() time.Time) *Progress {
	return &Progress{out: out, on: on && (total < 0 || total > smallInput), now: now, total: total, began: now()}
}

// Write implements io.Writer. It counts the bytes, and never fails.
func (p *Progress) Write(b []byte) (int, error) {
	p.read(len(b))
	return len(b), nil
}

// read adds n bytes.
func (p *Progress) read(n int) {
	p.done += int64(n)
	if !p.on || p.total < 0 && p.done <= smallInput {
		return
	}
	now := p.now()
	if now.Sub(p.last) < redraw {
		return
	}
	p.last, p.shown = now, true
	speed := Rate(p.done, now.Sub(p.began))
	if p.total < 0 {
		fmt.Fprintf(p.out, "%s%s, %s", eraseLine, humanize.Bytes(uint64(p.done)), speed)
		return
	}
	done := min(p.done, p.total) // a file may have grown
	full := int(done * barWidth / p.total)
	fmt.Fprintf(p.out, "%s[%s%s] %d%% of %s, %s", eraseLine, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full),
		done*100/p.total, humanize.Bytes(uint64(p.total)), speed)
}

// Erase clears the line, so that something else can be written.
func (p *Progress) Erase() {
	if p.shown {
		fmt.Fprint(p.out, eraseLine)
		p.shown = false
	}
}
