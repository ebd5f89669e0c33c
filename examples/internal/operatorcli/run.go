// Package operatorcli has the gateway's commands for operators, such as gateway jobs list.
// They work on the back ends of a gateway, which may be running.
package operatorcli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayflags"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sink"
)

// Program is what a [Task] needs of the gateway. All fields are required.
type Program struct {
	Lookup         func(string) (string, bool) // os.LookupEnv
	Stdout, Stderr io.Writer
	// WithService calls do with the pipeline that the flags describe.
	WithService func(ctx context.Context, c *gatewayflags.Config, log *slog.Logger, do func(*ingest.Service, *sink.Lake) error) error
}

// Run runs the task and returns the program's exit code: 0 if it is done, 2 for wrong flags
// and 1 for other errors.
func (t Task) Run(ctx context.Context, args []string, p Program) int {
	set, checked := gatewayflags.New()
	check, do := t.flags(set)
	err := set.Parse(args, p.Lookup)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(p.Stdout, t.about+"\n")
		if err = cmp.Or(err, set.WriteHelp(p.Stdout)); err != nil {
			return 1
		}
		return 0
	}
	if err == nil && set.NArg() > 0 {
		err = errors.New("unexpected argument: use only flags")
	}
	var c *gatewayflags.Config
	if err == nil {
		c, err = checked()
	}
	if err == nil {
		err = check()
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "gateway: %v\n%s", err, t.about)
		return 2
	}
	log := c.NewLogger(p.Stderr)
	if err := p.WithService(ctx, c, log, func(svc *ingest.Service, lake *sink.Lake) error {
		return do(ctx, svc, lake, json.NewEncoder(p.Stdout))
	}); err != nil {
		log.Error("task failed", "error", err)
		return 1
	}
	return 0
}
