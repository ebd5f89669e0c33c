// Command backlog measures how many jobs a second workers finish that start with a
// backlog: jobs that were accepted while no worker ran, each with its wake-up in a broker.
//
//	go -C examples run ./lab/backlog [-brokers NAMES] [-jobs N] [-workers N]
//
// All records are in a separate PostgreSQL schema. All jobs share a payload of one line,
// and the handler does nothing. So it measures the path to a job, and brokers differ by
// their cost on that path. Each worker has its own connections, like a process. It looks
// for servers as package servers does. Figures of emulated brokers, see package
// brokerservers, are also the emulator's. Everything is temporary.
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

// config holds the flags.
type config struct {
	brokers     []*broker
	jobs        int
	workers     int
	concurrency int           // of each worker
	timeout     time.Duration // of each broker
}

// run is main with its environment as arguments. It returns 0 if everything was measured,
// 2 for wrong flags and 1 otherwise. Missing brokers are skipped.
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
	which := set.String("brokers", strings.Join(names, ","), "`NAMES` of brokers, comma-separated")
	set.IntVar(&c.jobs, "jobs", 20_000, "`NUMBER` of waiting jobs")
	set.IntVar(&c.workers, "workers", 2, "`NUMBER` of workers")
	set.IntVar(&c.concurrency, "concurrency", 4, "`NUMBER` of jobs that each worker processes at once")
	set.DurationVar(&c.timeout, "timeout", 10*time.Minute, "`TIME` limit for each broker")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 || c.jobs < 1 || c.workers < 1 || c.concurrency < 1 || c.timeout <= 0 {
		return nil, errors.New("use flags only, with numbers above zero")
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
