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
	// Histories is how many histories are made and checked. Default: 30.
	Histories int
	// Clients is how many clients use the store concurrently. More clients make the check
	// much slower. Default: 5.
	Clients int
	// Calls is how many calls each client makes. Default: 12.
	Calls int
	// Latency is roughly how long a call of the store takes. Contexts are cancelled
	// within twice that time. Default: 1 millisecond.
	Latency time.Duration
	// Snapshots also checks Due and List as calls that read all jobs at one moment. Stores
	// promise that only of Get. Default: Due and List are not called.
	Snapshots bool
	// Seed determines the clients' calls, but not how they are scheduled. Default: random.
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

// checkTimeout bounds the check of one history. A history that could not be checked is an
// error, because it proves nothing.
const checkTimeout = time.Minute

// Run makes histories on one store and fails the test at the first one that is not
// linearizable; see [Check].
func Run(t *testing.T, open jobstest.Open, opts *Options) {
	t.Helper()
	if open == nil {
		t.Fatal("linearize: Run needs a function that opens a store")
	}
	summary, err := Check(t.Context(), open(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(summary)
}

// Check makes histories on a store, which may already have jobs, and returns a summary. If
// a history is not linearizable, the error lists its calls. Invalid options are an error
// too.
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
		switch porcupine.CheckOperationsTimeout(model, h.operations(), checkTimeout) {
		case porcupine.Illegal:
			return "", fmt.Errorf("history %d of seed %d is not linearizable:\n%s", n, o.Seed, h)
		case porcupine.Unknown:
			return "", fmt.Errorf("history %d of seed %d could not be checked within %s", n, o.Seed, checkTimeout)
		}
		calls += len(h.calls)
		for _, c := range h.calls {
			if c.out.unknown {
				unknown++
			}
		}
	}
	return fmt.Sprintf("%d histories with %d calls, %d with an unknown outcome: all are linearizable",
		o.Histories, calls, unknown), nil
}

// String returns one line for each call, in the order in which they began.
func (h *history) String() string {
	var b strings.Builder
	for _, c := range h.calls {
		fmt.Fprintf(&b, "client %d, %8s to %8s: %s\n", c.client, c.begin.Round(time.Microsecond), c.end.Round(time.Microsecond),
			model.DescribeOperation(c.in, c.out))
	}
	return b.String()
}
