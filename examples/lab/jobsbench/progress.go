package main

import (
	"fmt"
	"io"
	"os"
)

// progress shows progress on one line of a terminal, and nothing without a terminal.
type progress struct {
	out   io.Writer
	shown bool
}

func newProgress(out io.Writer) *progress {
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &progress{out: out}
		}
	}
	return &progress{}
}

const clearLine = "\r\x1b[K"

func (p *progress) say(format string, args ...any) {
	if p.out != nil {
		fmt.Fprintf(p.out, clearLine+format, args...)
		p.shown = true
	}
}

// clear clears the line.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, clearLine)
		p.shown = false
	}
}
