//go:build unix

// Command matrix runs one scenario on many back ends to show that they are chosen by URLs
// alone: the real gateway, as processes, on each pairing of object store, queue and job
// store that a user would choose.
//
//	go -C examples run ./lab/matrix [-short] [-row TEXT] [-workers N] [-v]
//
// Its last line is "N passed, M failed", counting each check on each pairing. The exit
// code is 1 if one failed. Pairings whose server is not installed are skipped with a
// message. With FHIRDOCK_TEST_ALL=1 servers are installed into the user's cache if
// possible, and a missing one is a failure.
//
// versitygw (for S3), RabbitMQ, NATS, PostgreSQL and everything embedded are real. The
// clouds' services are emulators, marked with a star and named below the table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayprocess"
	"github.com/fhirdock/fhirdock/examples/internal/version"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// config holds the flags.
type config struct {
	short   bool
	row     string
	workers int
	verbose bool
	gateway string // the program
	self    string // this program, to run the bucket tool
}

// run is main with its environment as arguments. It returns 0 if all checks passed, 1 if
// not and 2 for wrong flags.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == bucketCommand {
		if err := bucketTool(ctx, args[1:], stdin, stdout); err != nil {
			fmt.Fprintf(stderr, "matrix: %v\n", err)
			return 1
		}
		return 0
	}
	if version.Asked(args) {
		if version.Write(stdout, "matrix") != nil {
			return 1
		}
		return 0
	}
	c, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "matrix: %v\n", err)
		return 2
	}
	ok, err := c.run(ctx, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "matrix: %v\n", err)
	}
	if err != nil || !ok {
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := &config{}
	set := flag.NewFlagSet("matrix", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.BoolVar(&c.short, "short", false, "use a smaller file for the killed worker, on all pairings")
	set.StringVar(&c.row, "row", "", "only pairings whose name contains this")
	set.IntVar(&c.workers, "workers", 3, "how many pairings run at once")
	set.BoolVar(&c.verbose, "v", false, "print each step")
	set.StringVar(&c.gateway, "gateway", "", "the gateway's program (default: built from the source)")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case set.NArg() > 0:
		return nil, errors.New("use flags only, no arguments")
	case c.workers < 1:
		return nil, errors.New("-workers must be more than zero")
	case len(c.chosen()) == 0:
		return nil, fmt.Errorf("-row %s matches no pairing", c.row)
	}
	return c, nil
}

// chosen returns the pairings to run.
func (c *config) chosen() []pairing {
	var chosen []pairing
	for _, p := range pairings {
		if strings.Contains(strings.ToLower(p.name()), strings.ToLower(c.row)) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// run runs the pairings, several at once, and prints the results.
func (c *config) run(ctx context.Context, out io.Writer) (ok bool, err error) {
	folder, err := os.MkdirTemp("", "fhirdock-matrix-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	if c.self, err = os.Executable(); err != nil {
		return false, err
	}
	if c.gateway == "" {
		if c.gateway, err = gatewayprocess.Build(ctx, folder); err != nil {
			return false, err
		}
	}
	began := time.Now()
	results := make([]*result, len(c.chosen()))
	work := make(chan int)
	done := make(chan struct{})
	for range c.workers {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range work {
				results[i] = c.try(ctx, c.chosen()[i], filepath.Join(folder, fmt.Sprint(i)), out)
			}
		}()
	}
	for i := range results {
		work <- i
	}
	close(work)
	for range c.workers {
		<-done
	}
	t := tally(results)
	t.print(out, time.Since(began))
	return t.failed == 0 && ctx.Err() == nil, nil
}
