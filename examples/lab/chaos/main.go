//go:build unix

// Command chaos checks that the gateway loses nothing that it acknowledged, and produces
// every output once: it runs the real program under load, kills or stops it at random
// moments, and then counts.
//
//	go -C examples run ./lab/chaos -backend NAME -mode kill|term|stop|lose|failover|database|broker -rounds N [-seed S]
//
// Mode kill kills a gateway with SIGKILL and restarts it. Mode term stops it with SIGTERM,
// sometimes twice, while requests continue. In mode stop two accepting gateways and four
// workers share the back ends, and a worker is stopped with SIGSTOP for longer than its
// lease. Mode lose deletes the broker's stream, or queue and exchange. The exit code is 1
// if anything acknowledged was lost, a line is in the lake twice, a SIGTERM cut a request,
// most interrupted jobs waited for more than two sweeps, or a broker that lost everything
// was not in use again after 15 seconds.
//
// In modes failover and database two accepting gateways and two workers use a separate
// PostgreSQL server with a fault in each round: in mode failover all sessions are cut and
// new ones are read-only for 4 s; in mode database the server is in turn stopped, killed,
// silent, slow or resets connections, for -fault. The exit code is then also 1 if a
// response was neither 202 nor 503 or took more than 3 s, or if the service was not back
// 5 s after the fault or /readyz disagreed. Mode broker does the same to the connection to
// RabbitMQ or NATS, which is silent, slow or reset in turn; the exit code is also 1 if a
// worker has no subscription 15 s later.
//
// Objects are in a folder, by dirblob. Back ends are sqlite, with in-process wake-ups;
// fileblob, the same with Go CDK's own driver for folders; postgres, alone or with another
// broker: rabbitmq, jetstream, notify; and emulated document databases: dynamodb with
// emulated SQS, firestore with RabbitMQ, mongodb with JetStream. It looks for servers as
// package servers does. Everything is temporary, and only kept if something was lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fhirdock/fhirdock/examples/internal/gatewayprocess"
	"github.com/fhirdock/fhirdock/examples/internal/version"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// config holds the flags.
type config struct {
	backend, mode string
	rounds, chunk int
	seed          uint64
	lease, sweep  time.Duration
	fault         time.Duration
	patience      int
	gateway       string // the program
}

// run is main with its environment as arguments. It returns 0 if all is well, 1 if
// something was found and 2 for wrong flags.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if version.Asked(args) {
		if version.Write(stdout, "chaos") != nil {
			return 1
		}
		return 0
	}
	c, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\n", err)
		return 2
	}
	ok, err := c.run(ctx, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\n", err)
	}
	if err != nil || !ok {
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (*config, error) {
	c := &config{}
	set := flag.NewFlagSet("chaos", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&c.backend, "backend", "sqlite", "sqlite, fileblob, postgres, with PostgreSQL rabbitmq, jetstream or notify, or an emulated dynamodb, firestore or mongodb")
	set.StringVar(&c.mode, "mode", "kill", "kill, term or stop; with a broker lose or broker; with PostgreSQL failover or database")
	set.IntVar(&c.rounds, "rounds", 50, "number of rounds")
	set.IntVar(&c.chunk, "chunk", 50, "how many rounds share a folder, which is judged after the last one")
	set.Uint64Var(&c.seed, "seed", rand.Uint64(), "seed of the random choices; the same seed makes the same choices, not the same run")
	set.DurationVar(&c.lease, "lease", time.Second, "the gateway's -lease")
	set.DurationVar(&c.sweep, "sweep", 500*time.Millisecond, "the gateway's -sweep-every")
	set.DurationVar(&c.fault, "fault", 20*time.Second, "how long a fault of mode database or broker lasts")
	set.IntVar(&c.patience, "patience", 1, "multiplies the time limits of responses and recoveries in modes failover, database and broker, for a busy machine")
	set.StringVar(&c.gateway, "gateway", "", "the gateway's program (default: built from the source)")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case set.NArg() > 0:
		return nil, errors.New("use flags only, no arguments")
	case lend[c.backend] == nil:
		return nil, fmt.Errorf("-backend must be %s", strings.Join(slices.Sorted(maps.Keys(lend)), ", "))
	case modes[c.mode] == nil:
		return nil, fmt.Errorf("-mode must be %s", strings.Join(slices.Sorted(maps.Keys(modes)), ", "))
	case (c.mode == "lose" || c.mode == "broker") && c.backend != "rabbitmq" && c.backend != "jetstream":
		return nil, fmt.Errorf("-mode %s needs -backend rabbitmq or jetstream", c.mode)
	case modes[c.mode].faults != nil && !modes[c.mode].ofBroker && c.backend != "postgres" && c.backend != "notify":
		return nil, fmt.Errorf("-mode %s needs -backend postgres or notify", c.mode)
	case c.rounds < 1 || c.chunk < 1 || c.lease <= 0 || c.sweep <= 0 || c.fault <= 0 || c.patience < 1:
		return nil, errors.New("-rounds, -chunk, -lease, -sweep, -fault and -patience must be more than zero")
	}
	return c, nil
}

// run runs the rounds, chunk by chunk, and prints what was found.
func (c *config) run(ctx context.Context, out io.Writer) (ok bool, err error) {
	if c.gateway == "" {
		folder, err := os.MkdirTemp("", "fhirdock-chaos-build-")
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(folder)
		if c.gateway, err = gatewayprocess.Build(ctx, folder); err != nil {
			return false, err
		}
	}
	fmt.Fprintf(out, "backend %s, mode %s, seed %d, lease %s, sweep %s\n", c.backend, c.mode, c.seed, c.lease, c.sweep)
	began := time.Now()
	var total tally
	for total.rounds < c.rounds && ctx.Err() == nil {
		n := min(c.chunk, c.rounds-total.rounds)
		t, err := c.campaign(ctx, n, rand.New(rand.NewPCG(c.seed, uint64(total.rounds))))
		if err != nil {
			total.print(out, c) // the counts so far
			return false, err
		}
		total.add(t)
		if len(t.findings) > 0 {
			for _, f := range t.findings {
				fmt.Fprintln(out, "FOUND:", f)
			}
			fmt.Fprintln(out, "kept:", t.folder)
		}
		if c.rounds > c.chunk {
			fmt.Fprintf(out, "%5d rounds, %d acknowledged jobs, %d found, %s\n",
				total.rounds, total.acknowledged, len(total.findings), time.Since(began).Round(time.Second))
		}
	}
	total.judge(c)
	total.print(out, c)
	return len(total.findings) == 0 && total.rounds == c.rounds, nil
}
