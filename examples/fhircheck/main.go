// Command fhircheck checks FHIR Bundles and NDJSON files before they are sent. See its
// -help.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/payloadfiles"
	"github.com/fhirdock/fhirdock/examples/internal/sniff"
	"github.com/fhirdock/fhirdock/examples/internal/terminal"
	"github.com/fhirdock/fhirdock/examples/internal/version"
)

// Exit codes.
const (
	exitFine   = 0
	exitErrors = 1 // a payload has errors
	exitFailed = 2 // wrong flags, or a file could not be read or written
)

func main() {
	terminal.ExitOnSignal(os.Stderr) // only the progress needs cleaning up
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its environment as arguments. It returns the exit code.
func run(args []string, lookup func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	done := func(err error) int {
		if err == nil {
			return exitFine
		}
		fmt.Fprintf(stderr, "fhircheck: %v\n", err)
		return exitFailed
	}
	if version.Asked(args) {
		return done(version.Write(stdout, "fhircheck"))
	}
	set, checked := flags()
	err := set.Parse(args, lookup)
	if errors.Is(err, flag.ErrHelp) {
		return done(set.WriteHelp(stdout))
	}
	var c *config
	if err == nil {
		c, err = checked()
	}
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "fhircheck: %v\nSee fhircheck -help.\n", err)
		return exitFailed
	case c.rules:
		return done(writeRules(stdout))
	case set.NArg() == 0:
		fmt.Fprintf(stderr, "%s\nSee fhircheck -help for the flags.\n", intro)
		return exitFailed
	}
	list, err := payloadfiles.Find(set.Args(), stdin)
	if err != nil {
		return done(err)
	}
	t, err := checkAll(c, list, stdout, stderr)
	if err != nil {
		return done(fmt.Errorf("writing the findings: %w", err))
	}
	if !c.quiet {
		fmt.Fprintln(stderr, t.text())
	}
	return t.exit()
}

// checkAll checks the chosen files one after another. The error is one of writing the
// findings.
func checkAll(c *config, list *payloadfiles.List, stdout, stderr io.Writer) (*totals, error) {
	screen := stderr
	if c.quiet {
		screen = io.Discard
	}
	p := terminal.NewProgress(screen, list.Size())
	defer p.Erase()
	if c.verbose {
		for _, name := range list.Skipped {
			fmt.Fprintf(stderr, "fhircheck: %s: skipped\n", terminal.Printable(name))
		}
	}
	t := &totals{began: time.Now(), skipped: int64(len(list.Skipped))}
	out := newPrinter(c, stdout)
	check := &checker{config: c, progress: p, head: bufio.NewReaderSize(nil, sniff.HeadBytes)}
	for _, f := range list.Files {
		r := check.check(f)
		t.add(r)
		p.Erase() // both may be the same terminal
		if err := out.print(r); err != nil {
			return nil, err
		}
		if remark := r.remark(); remark != "" {
			fmt.Fprintf(stderr, "fhircheck: %s: %s\n", terminal.Printable(r.name), remark)
		}
	}
	return t, out.end()
}
