// Command gateway runs fhirdock as a server: HTTP front door, worker and sweeper, with the
// NDJSON lake as its handler. See its -help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/examples/internal/operatorcli"
	"github.com/fhirdock/fhirdock/examples/internal/version"
	"github.com/fhirdock/fhirdock/ingest/backends"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// run is main with its environment as arguments. It returns 0 for a clean end, 2 for wrong
// flags and 1 for other errors.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	if version.Asked(args) {
		if version.Write(stdout, "gateway") != nil {
			return 1
		}
		return 0
	}
	if task, rest, ok := operatorcli.TaskOf(args); ok {
		return task.Run(ctx, rest, operatorcli.Program{Lookup: lookup, Stdout: stdout, Stderr: stderr, WithService: withService})
	}
	set, checked := gatewayflags.New()
	err := set.Parse(args, lookup)
	if errors.Is(err, flag.ErrHelp) {
		if set.WriteHelp(stdout) != nil {
			return 1
		}
		return 0
	}
	if err == nil && set.NArg() > 0 {
		err = fmt.Errorf("unexpected argument: use flags only, or one of %s first", strings.Join(operatorcli.Names(), ", "))
	}
	var c *gatewayflags.Config
	if err == nil {
		c, err = checked()
	}
	if err != nil {
		fmt.Fprintf(stderr, "gateway: %v\nSee gateway -help.\n", err)
		return 2
	}
	log := c.NewLogger(stderr)
	if c.Migrations == "only" {
		if err := backends.Migrate(ctx, c.URLs.Jobs, &backends.Options{Data: c.Data, Logger: log}); err != nil {
			log.Error("migration failed", "error", err)
			return 1
		}
		log.Info("the job store's schema is up to date")
		return 0
	}
	if err := serve(ctx, c, log); err != nil {
		log.Error("stopped", "error", err)
		return 1
	}
	log.Info("stopped")
	return 0
}
