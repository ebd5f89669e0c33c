package linearize

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
)

// Options of a run; nil, and zero fields, mean the defaults.
type Options struct {
	// Histories is how many are made and checked. Default 30.
	Histories int
	// Clients that use the store at once. Default 5; more make a check much
	// longer.
	Clients int
	// Calls of each client. Default 12.
	Calls int
	// Latency is about how long a call of the store takes: contexts are cancelled
	// within twice of it. Default 1 millisecond.
	Latency time.Duration
	// Snapshots: Due and List are checked too, as calls that read all jobs at one
	// moment. Stores promise that of Get only. Default: they are not called.
	Snapshots bool
	// Seed of what the clients do. What comes of it depends on the scheduler too.
	// Default: random.
	Seed uint64
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	for _, f := range []struct {
		field     *int
		otherwise int
	}{{&d.Histories, 30}, {&d.Clients, 5}, {&d.Calls, 12}} {
		if *f.field <= 0 {
			*f.field = f.otherwise
		}
	}
	if d.Latency <= 0 {
		d.Latency = time.Millisecond
	}
	if d.Seed == 0 {
		d.Seed = rand.Uint64()
	}
	return d
}

// patience is how long the check of one history may take. One that takes longer is
// an error: it would prove nothing.
const patience = time.Minute

// Run makes histories on one store and fails the test at the first that is not
// linearizable.
func Run(t *testing.T, open jobstest.Open, opts *Options) {
	t.Helper()
	told, err := Check(t.Context(), open(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(told)
}

// Check makes histories on a store, which may have jobs. It returns how many calls
// were made and what became of them, in words, or an error that has the calls of the
// first history that is not linearizable.
func Check(ctx context.Context, store jobs.Store, opts *Options) (string, error) {
	o := opts.withDefaults()
	calls, unknown := 0, 0
	for n := range o.Histories {
		h := newHistory(store, o, rand.New(rand.NewPCG(o.Seed, uint64(n))))
		if err := h.make(ctx); err != nil {
			return "", fmt.Errorf("history %d of seed %d: %w", n, o.Seed, err)
		}
		switch porcupine.CheckOperationsTimeout(model, h.operations(), patience) {
		case porcupine.Illegal:
			return "", fmt.Errorf("history %d of seed %d is not linearizable:\n%s", n, o.Seed, h)
		case porcupine.Unknown:
			return "", fmt.Errorf("history %d of seed %d could not be checked within %s", n, o.Seed, patience)
		}
		calls += len(h.calls)
		for _, c := range h.calls {
			if c.out.unknown {
				unknown++
			}
		}
	}
	return fmt.Sprintf("%d histories with %d calls, of which %d ended with an outcome that is not known: all are linearizable",
		o.Histories, calls, unknown), nil
}

// String is one line for each call, in the order in which they began.
func (h *history) String() string {
	var b strings.Builder
	for _, c := range h.calls {
		fmt.Fprintf(&b, "client %d, %8s to %8s: %s\n", c.client, c.begin.Round(time.Microsecond), c.end.Round(time.Microsecond),
			model.DescribeOperation(c.in, c.out))
	}
	return b.String()
}
