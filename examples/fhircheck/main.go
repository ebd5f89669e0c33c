// Command fhircheck checks FHIR Bundles and NDJSON files before they are sent. See its
// -help.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/version"
)

// Exit codes.
const (
	exitFine   = 0
	exitErrors = 1 // a payload has errors
	exitFailed = 2 // wrong flags, or a file could not be read or written
)

func main() {
	terminal, _ := isTerminal(os.Stderr)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		// Only the progress bar needs cleaning up.
		code := 1
		if s, ok := (<-signals).(syscall.Signal); ok {
			code = 128 + int(s) // as shells do
		}
		if terminal {
			fmt.Fprint(os.Stderr, eraseLine)
		}
		os.Exit(code)
	}()
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its environment as arguments. It returns the exit code.
func run(args []string, lookup func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	failed := func(err error) int {
		fmt.Fprintf(stderr, "fhircheck: %v\n", err)
		return exitFailed
	}
	if version.Asked(args) {
		if err := version.Write(stdout, "fhircheck"); err != nil {
			return failed(err)
		}
		return exitFine
	}
	set, checked := flags()
	err := set.Parse(args, lookup)
	if errors.Is(err, flag.ErrHelp) {
		if err := set.WriteHelp(stdout); err != nil {
			return failed(err)
		}
		return exitFine
	}
	var c *config
	if err == nil {
		c, err = checked()
	}
	if err != nil {
		fmt.Fprintf(stderr, "fhircheck: %v\nSee fhircheck -help.\n", err)
		return exitFailed
	}
	if c.rules {
		if err := writeRules(stdout); err != nil {
			return failed(err)
		}
		return exitFine
	}
	if set.NArg() == 0 {
		fmt.Fprintf(stderr, "%s\nSee fhircheck -help for the flags.\n", intro)
		return exitFailed
	}
	list, err := choose(set.Args(), stdin)
	if err != nil {
		return failed(err)
	}
	t, err := checkAll(c, list, stdout, stderr)
	if err != nil {
		return failed(fmt.Errorf("writing the findings: %w", err))
	}
	if !c.quiet {
		fmt.Fprintln(stderr, t.text())
	}
	return t.exit()
}

// checkAll checks the chosen files one after another. The error is one of writing the
// findings.
func checkAll(c *config, list *chosen, stdout, stderr io.Writer) (*totals, error) {
	p := newProgress(stderr, list.size(), c.quiet)
	defer p.erase()
	if c.verbose {
		for _, name := range list.skipped {
			fmt.Fprintf(stderr, "fhircheck: %s: skipped\n", printable(name))
		}
	}
	t := &totals{began: time.Now(), skipped: int64(len(list.skipped))}
	out := newPrinter(c, stdout)
	check := newChecker(c, p)
	for _, in := range list.inputs {
		r := check.check(in)
		t.add(r)
		p.erase() // both may be the same terminal
		if err := out.print(r); err != nil {
			return nil, err
		}
		for _, line := range r.remarks() {
			fmt.Fprintf(stderr, "fhircheck: %s: %s\n", printable(r.name), line)
		}
	}
	return t, out.end()
}

// printer writes findings in one of the forms of -o. It writes a payload's findings before
// the next payload is read.
type printer interface {
	print(r *result) error
	end() error
}

func newPrinter(c *config, out io.Writer) printer {
	switch c.output {
	case "outcome":
		return &outcomes{out: out}
	case "sarif":
		return newSARIF(out, c.options.Level)
	}
	return &lines{out: out}
}
