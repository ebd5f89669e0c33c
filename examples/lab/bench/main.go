// Command bench compares fhirbundle with other ways of reading JSON and FHIR in
// Go and in Python, on the same bytes, and says which of its goals it meets. See
// its -help.
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
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

const intro = `fhirdock bench: how fast fhirbundle reads, as ratios to its peers, and whether it
meets its goals.

Usage: bench [flags]

All contestants read the same synthetic data by turns, in rounds, each in another
order; medians are compared. Only ratios mean something on another machine. It
takes about three minutes, with -quick less than one. The last line counts the
goals that are met; a goal that could not be measured is none of them.

Python and google/fhir read in processes of their own. The latter's program is
built first, for which bench must run in the folder of its source, with go on PATH.

`

func main() {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// config is how much is done.
type config struct {
	corpus   string
	entries  int           // of the Bundles that are read
	rounds   int           // of all contestants on all data
	least    time.Duration // that a measurement takes
	stream   int64         // bytes of the Bundle that is read for its peak of memory
	hostile  int           // what the sizes of hostile input are divided by
	patience time.Duration // how long a contestant may take for a probe
}

func thorough() config {
	return config{entries: 800, rounds: 15, least: 50 * time.Millisecond, stream: 500e6, hostile: 1, patience: 5 * time.Second}
}

func quick() config {
	return config{entries: 400, rounds: 7, least: 15 * time.Millisecond, stream: 500e6, hostile: 8, patience: 3 * time.Second}
}

// run is main with its surroundings given. It returns 0 if everything could be
// measured, whether goals are met or not, 130 if it was interrupted, 2 for wrong
// flags, 1 for all else.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(set.Output(), intro)
		set.PrintDefaults()
	}
	fast := set.Bool("quick", false, "smaller data and fewer rounds")
	corpus := set.String("corpus", "", "`FOLDER` of documents from the field (default: ../shared/corpus beside the repository, if it is there)")
	version := set.Bool("version", false, "print the version, and measure nothing")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err == nil && *version:
		info, _ := debug.ReadBuildInfo() // a program built with modules always has it
		fmt.Fprintln(stdout, "bench", info.Main.Version, info.GoVersion)
		return 0
	case err != nil:
		return 2
	case set.NArg() > 0:
		fmt.Fprintln(stderr, "bench: it takes no arguments. See bench -help.")
		return 2
	}
	c := thorough()
	if *fast {
		c = quick()
	}
	if c.corpus = *corpus; c.corpus == "" {
		c.corpus = findCorpus()
	} else if !isCorpus(c.corpus) {
		fmt.Fprintln(stderr, "bench: the folder of -corpus has no manifest.tsv")
		return 2
	}
	err := compare(ctx, c, stdout, newProgress(stderr))
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "bench: interrupted")
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// compare does all measurements and prints as it goes on.
func compare(ctx context.Context, c config, out io.Writer, p *progress) error {
	defer p.clear()
	if experiment("jsonv2") {
		return errors.New("built with GOEXPERIMENT=jsonv2, which changes the baseline, encoding/json")
	}
	sets, err := datasets(c)
	if err != nil {
		return err
	}
	others, err := startApart(ctx, sets, p)
	if err != nil {
		return err
	}
	defer others.stop()
	p.clear()
	all := contestants(others)

	fmt.Fprintf(out, "%s %s/%s, %d cores, %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), c.rounds)
	res, err := race(ctx, c, all, sets, p)
	if err != nil {
		return err
	}
	p.clear()
	printRatios(out, res, c)

	probed, err := probe(ctx, c, all, p)
	if err != nil {
		return err
	}
	p.clear()
	printProbes(out, probed, c)

	bad, err := readHostile(ctx, c, p)
	if err != nil {
		return err
	}
	p.clear()
	printHostile(out, bad)

	mem, err := measureMemory(ctx, c.stream, p)
	if err != nil {
		return err
	}
	p.clear()
	printGoals(out, judge(res, mem, countAllocs(), bad, probed), beyond(res))
	return nil
}

// findCorpus looks for the corpus beside the repository, from the working folder
// upwards. It is "" where there is none.
func findCorpus() string {
	dir, err := os.Getwd()
	for err == nil {
		if at := filepath.Join(dir, "..", "shared", "corpus"); isCorpus(at) {
			return at
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return ""
}

func isCorpus(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "manifest.tsv"))
	return err == nil
}

// experiment says whether the program was built with that GOEXPERIMENT.
func experiment(name string) bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && hasSetting(info, "GOEXPERIMENT", name)
}
