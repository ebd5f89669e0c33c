// Command jobsbench compares fhirdock's job stores with River on the same database and
// with asynq, and reports which goals they meet. See its -help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

const intro = `fhirdock jobsbench: how many jobs a second are created, claimed and completed,
durably, by fhirdock's job stores, by River on the same database and by asynq.

Usage: jobsbench [flags]

All take turns, in rounds, each in a different order, with the same number of
workers and connections; medians are compared. Only ratios can be compared between
machines. It takes some minutes, with -quick less than one. The last line counts
the goals that are met; a goal that could not be measured is not met.

It works in a separate PostgreSQL schema, and in an empty database of Redis, whose
appendonly and appendfsync it changes and restores.

`

const differences = `They don't do the same:
  fhirdock  The calls of its front door and its workers: Create for each job;
            Next to claim as many as there are free workers, and begin all of them; Update to
            complete each. Each returns once it is durable. Concurrent calls
            share a transaction.
  River     Tuned: inserted with InsertManyFast, 1,000 at a time; looked for every
            millisecond. Defaults: inserted one by one; looked for every 100 ms. Both
            fetch as many jobs at a time as workers are free and complete them in
            batches in the background: jobs that were running when the process
            died are run again.
  asynq     Enqueued, fetched and completed one by one; it keeps no completed task.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// config holds sizes and servers.
type config struct {
	postgres, redis string
	rounds          int
	jobs            int // in a round
	workers         int // also the number of creating goroutines
	conns           int // database connections
}

func thorough() config { return config{rounds: 7, jobs: 20_000, workers: 100, conns: 10} }

func quick() config { return config{rounds: 3, jobs: 4_000, workers: 100, conns: 10} }

// run is main with its environment as arguments. It returns 0 if everything could be
// measured, whether goals are met or not, 130 if it was interrupted, 2 for wrong flags and
// 1 otherwise.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("jobsbench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(set.Output(), intro)
		set.PrintDefaults()
	}
	fast := set.Bool("quick", false, "fewer jobs and rounds")
	workers := set.Int("workers", 0, "`NUMBER` of workers (default 100)")
	postgres := set.String("postgres", defaultPostgres(), "`URL` of a PostgreSQL database")
	redis := set.String("redis", "redis://127.0.0.1:6379", "`URL` of a Redis server")
	version := set.Bool("version", false, "print the version and exit")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil && *version:
		info, _ := debug.ReadBuildInfo() // a program built with modules always has it
		fmt.Fprintln(stdout, "jobsbench", info.Main.Version, info.GoVersion)
		return 0
	case err != nil:
		return 2
	case set.NArg() > 0 || *workers < 0:
		fmt.Fprintln(stderr, "jobsbench: use flags only, with at least one worker. See jobsbench -help.")
		return 2
	}
	c := thorough()
	if *fast {
		c = quick()
	}
	if *workers > 0 {
		c.workers = *workers
	}
	c.postgres, c.redis = *postgres, *redis
	err := compare(ctx, c, stdout, newProgress(stderr))
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "jobsbench: interrupted")
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "jobsbench: %v\n", err)
		return 1
	}
	return 0
}

// defaultPostgres returns the tests' database.
func defaultPostgres() string {
	if url := os.Getenv("FHIRDOCK_TEST_POSTGRES"); url != "" {
		return url
	}
	return "postgres://postgres@127.0.0.1:5432/test"
}

// compare measures and prints.
func compare(ctx context.Context, c config, out io.Writer, p *progress) error {
	defer p.clear()
	res, err := race(ctx, c, contestants(), p)
	if err != nil {
		return err
	}
	p.clear()
	fmt.Fprintf(out, "%s %s/%s, %d cores, %d rounds, %d workers\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), c.rounds, c.workers)
	if s := durable(ctx, c.postgres); s != "" {
		fmt.Fprintln(out, s)
	}
	fmt.Fprint(out, "SQLite: WAL, synchronous=FULL, modernc.org/sqlite\n\n")
	printRates(out, res)
	fmt.Fprint(out, differences)
	printGoals(out, res)
	return nil
}
