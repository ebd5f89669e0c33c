// Package terminal writes for people at a terminal: a progress line, and counts, rates and
// file names as text.
package terminal

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"
)

const eraseLine = "\r\x1b[K"

// Width returns the width of a terminal. ok is false if out is not a terminal, or if its
// size is unknown.
func Width(out io.Writer) (columns int, ok bool) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return columns, err == nil
}

// ExitOnSignal makes SIGINT and SIGTERM end the program, with the exit code that shells
// give. If out is a terminal, it erases a progress line there first. It cleans up nothing
// else.
func ExitOnSignal(out io.Writer) {
	_, ok := Width(out)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		code := 1
		if s, ok := (<-signals).(syscall.Signal); ok {
			code = 128 + int(s)
		}
		if ok {
			fmt.Fprint(out, eraseLine)
		}
		os.Exit(code)
	}()
}

// Printable returns a name without control characters, which a terminal would obey.
func Printable(name string) string {
	if strings.ContainsFunc(name, unicode.IsControl) {
		return strconv.Quote(name)
	}
	return name
}

// Count formats a count with its noun in the singular or plural.
func Count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return humanize.Comma(n) + " " + thing
}

// Rate formats megabytes a second.
func Rate(bytes int64, took time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(bytes)/1e6/max(took, time.Microsecond).Seconds())
}
