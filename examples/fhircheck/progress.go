package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"
)

// progress is a bar in a terminal's last line, drawn while a large file is read. The
// reader draws it: there is no goroutine.
type progress struct {
	out   io.Writer
	on    bool
	now   func() time.Time
	total int64 // bytes as stored; -1 if unknown
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
	eraseLine  = "\r\x1b[K"
)

func newProgress(out io.Writer, total int64, quiet bool) *progress {
	terminal, columns := isTerminal(out)
	return makeProgress(out, total, terminal && columns >= 60 && !quiet, time.Now)
}

func makeProgress(out io.Writer, total int64, on bool, now func() time.Time) *progress {
	return &progress{out: out, on: on && (total < 0 || total > smallInput), now: now, total: total, began: now()}
}

func isTerminal(out io.Writer) (yes bool, columns int) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return err == nil, columns
}

// read adds n bytes.
func (p *progress) read(n int) {
	p.done += int64(n)
	if !p.on || p.total < 0 && p.done <= smallInput {
		return
	}
	now := p.now()
	if now.Sub(p.last) < redraw {
		return
	}
	p.last, p.shown = now, true
	speed := rate(p.done, now.Sub(p.began))
	if p.total < 0 {
		fmt.Fprintf(p.out, "%s%s, %s", eraseLine, humanize.Bytes(uint64(p.done)), speed)
		return
	}
	done := min(p.done, p.total) // a file may have grown
	full := int(done * barWidth / p.total)
	fmt.Fprintf(p.out, "%s[%s%s] %d%% of %s, %s", eraseLine, strings.Repeat("=", full), strings.Repeat(" ", barWidth-full),
		done*100/p.total, humanize.Bytes(uint64(p.total)), speed)
}

// erase clears the line.
func (p *progress) erase() {
	if p.shown {
		fmt.Fprint(p.out, eraseLine)
		p.shown = false
	}
}

// counted reports the bytes read through it to a progress.
type counted struct {
	io.Reader
	progress *progress
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.progress.read(n)
	return n, err
}
