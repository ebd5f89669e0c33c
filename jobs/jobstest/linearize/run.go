package linearize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/jobstest"
)

// Options of a run; nil, and zero fields, mean the defaults. None may be negative.
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

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Histories < 0 || d.Clients < 0 || d.Calls < 0 || d.Latency < 0 {
		return d, errors.New("linearize: Histories, Clients, Calls and Latency must not be negative")
	}
	d.Histories, d.Clients, d.Calls = cmp.Or(d.Histories, 30), cmp.Or(d.Clients, 5), cmp.Or(d.Calls, 12)
	d.Latency = cmp.Or(d.Latency, time.Millisecond)
	if d.Seed == 0 {
		d.Seed = rand.Uint64()
	}
	return d, nil
}

// patience is how long the check of one history may take. One that takes longer is
// an error: it would prove nothing.
const patience = time.Minute

// Run makes histories on one store and fails the test at the first that is not
// linearizable.
func Run(t *testing.T, open jobstest.Open, opts *Options) {
	t.Helper()
	if open == nil {
		t.Fatal("linearize: Run needs a function that opens a store")
	}
	told, err := Check(t.Context(), open(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(told)
}

// Check makes histories on a store, which may have jobs. It returns how many calls
// were made and what became of them, in words, or an error that has the calls of the
// first history that is not linearizable. An option that can't work is an error too.
func Check(ctx context.Context, store jobs.Store, opts *Options) (string, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return "", err
	}
	if store == nil {
		return "", errors.New("linearize: Check needs a store")
	}
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
