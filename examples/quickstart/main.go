// Command quickstart demonstrates fhirdock: the whole pipeline in one process, on a
// folder, with payloads sent through its real front door. See its -help.
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
	"syscall"

	"github.com/dustin/go-humanize"

	"github.com/fhirdock/fhirdock/examples/internal/envflag"
	"github.com/fhirdock/fhirdock/examples/internal/frontdoor"
	"github.com/fhirdock/fhirdock/examples/internal/terminal"
	"github.com/fhirdock/fhirdock/examples/internal/version"
)

const intro = `fhirdock quickstart: runs the whole pipeline in one process, sends it payloads
through its HTTP front door, and reports the results.

Usage: quickstart [flags] [FILE|FOLDER ...]

Without arguments it sends synthetic data that it generates: a Bundle of each
type by webhook, an NDJSON file by signed upload, and an invalid Bundle to show
how that is refused. With arguments it sends the .json files (Bundles) and
.ndjson files that they name; folders are searched. Nothing leaves this machine.
-version as the last argument prints the version.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// config holds the flags.
type config struct {
	size int64
	seed uint64
	data string
	keep bool
}

// run is main with its environment as arguments. It returns 0 if everything went as
// expected, 130 if it was interrupted, 2 for wrong flags and 1 otherwise.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	if version.Asked(args) {
		if version.Write(stdout, "quickstart") != nil {
			return 1
		}
		return 0
	}
	var c config
	set := envflag.New("quickstart", "FHIRDOCK_QUICKSTART_", intro)
	set.Group("Sample data")
	size := set.String("size", "100MB", "`SIZE`: of the generated NDJSON file, such as 1MB or 10GB")
	set.Uint64Var(&c.seed, "seed", 1, "`SEED` of the generated data; the same seed gives the same bytes")
	set.Group("Where things are kept")
	set.StringVar(&c.data, "data", "", "`FOLDER`: where to work (default: a new temporary one)")
	set.BoolVar(&c.keep, "keep", true, "keep a temporary folder; -keep=false removes it at the end")

	err := set.Parse(args, lookup)
	if errors.Is(err, flag.ErrHelp) {
		if set.WriteHelp(stdout) != nil {
			return 1
		}
		return 0
	}
	if err == nil {
		var n uint64
		if n, err = humanize.ParseBytes(*size); err != nil || n == 0 || n > 1<<50 {
			err = errors.New("-size must be a size such as 1MB or 10GB")
		}
		c.size = int64(n)
	}
	if err != nil {
		fmt.Fprintf(stderr, "quickstart: %v\nSee quickstart -help.\n", err)
		return 2
	}

	ok, err := demonstrate(ctx, c, set.Args(), stdout)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "quickstart: interrupted")
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "quickstart: %v\n", err)
		return 1
	case !ok:
		return 1
	}
	return 0
}

// demonstrate runs the pipeline, sends the payloads and prints the results. ok reports
// whether all went as expected.
func demonstrate(ctx context.Context, c config, args []string, out io.Writer) (ok bool, err error) {
	payloads, left, err := choose(c, args)
	if err != nil {
		return false, err
	}
	folder, removed := c.data, c.data == "" && !c.keep
	if folder == "" {
		folder, err = os.MkdirTemp("", "fhirdock-quickstart-")
	} else { // printed paths must work in the user's shell
		folder, err = filepath.Abs(folder)
	}
	if err != nil {
		return false, err
	}
	if removed {
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}

	front, stop, err := start(ctx, folder)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(out, "fhirdock listens on %s and keeps everything in\n  %s\n", front, folder)
	if left > 0 {
		fmt.Fprintf(out, "leaving out %s: only regular .json and .ndjson files are sent\n", number(int64(left), "file"))
	}
	fmt.Fprintf(out, "\n"+columns, "STATUS", "SIZE", "RESOURCES", "REJECTED", "RATE", "PAYLOAD")
	results := sendAll(ctx, &frontdoor.Client{Base: front, Token: token}, payloads, terminal.NewDisplay(out))
	if err := stop(); err != nil {
		return false, err
	}
	t := sum(results)
	t.write(out)
	switch {
	case !removed:
		t.writeFiles(out, folder)
	case len(t.failed) > 0:
		fmt.Fprintf(out, "\n%s is removed with the folder: run without -keep=false to read it.\n", logName)
	}
	return len(t.failed) == 0, nil
}
