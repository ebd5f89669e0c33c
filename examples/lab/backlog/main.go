// Command backlog measures how many jobs a second workers finish that find a backlog:
// jobs that were accepted while no worker ran, each with its wake-up in a broker.
//
//	go -C examples run ./lab/backlog [-brokers NAMES] [-jobs N] [-workers N]
//
// All records are in PostgreSQL, in a schema of their own; the payload is one line, the
// same for all; the handler does nothing. So what is measured is the way to a job, and
// brokers differ by what they cost on it. Each worker has connections of its own, as a
// process has. See package servers for where servers are looked for, and package
// brokerservers for those that are emulated, whose figures are the emulator's too.
// Everything is temporary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// config is what the flags say.
type config struct {
	brokers     []*broker
	jobs        int
	workers     int
	concurrency int           // of each worker
	timeout     time.Duration // of each broker
}

// run is main with its surroundings given: 0 if all was measured, 2 for wrong flags, 1
// for all else. A broker that there is none of is left out.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if version.Asked(args) {
		if version.Write(stdout, "backlog") != nil {
			return 1
		}
		return 0
	}
	c, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "backlog: %v\n", err)
		return 2
	}
	const row = "%-20s %12s %12s %8s %15s\n"
	fmt.Fprintf(stdout, row, "broker", "wake-ups/s", "first job", "jobs/s", "processor busy")
	code := 0
	for _, b := range c.brokers {
		r, err := c.measure(ctx, b)
		if err != nil {
			fmt.Fprintf(stdout, "%-20s not measured: %v\n", b.name, err)
			if !errors.Is(err, errNone) {
				code = 1
			}
			continue
		}
		fmt.Fprintf(stdout, row, b.name, fmt.Sprintf("%.0f", r.sent), r.first.Round(time.Millisecond), fmt.Sprintf("%.0f", r.finished), percent(r.busy))
	}
	return code
}

func percent(share float64) string {
	if share < 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.0f%%", 100*share)
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := &config{}
	set := flag.NewFlagSet("backlog", flag.ContinueOnError)
	set.SetOutput(stderr)
	var names []string
	for _, b := range brokers {
		names = append(names, b.name)
	}
	which := set.String("brokers", strings.Join(names, ","), "`NAMES` of brokers, with commas")
	set.IntVar(&c.jobs, "jobs", 20_000, "`NUMBER` of jobs that wait")
	set.IntVar(&c.workers, "workers", 2, "`NUMBER` of workers")
	set.IntVar(&c.concurrency, "concurrency", 4, "`NUMBER` of jobs that each worker works on at once")
	set.DurationVar(&c.timeout, "timeout", 10*time.Minute, "`TIME` after which a broker is given up")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 || c.jobs < 1 || c.workers < 1 || c.concurrency < 1 || c.timeout <= 0 {
		return nil, errors.New("no arguments are taken, and numbers must be above zero")
	}
	for name := range strings.SplitSeq(*which, ",") {
		b := find(name)
		if b == nil {
			return nil, fmt.Errorf("-brokers: there is no %q; allowed are %s", name, strings.Join(names, ", "))
		}
		c.brokers = append(c.brokers, b)
	}
	return c, nil
}
