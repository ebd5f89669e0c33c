package linearize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/fhirdock/fhirdock/jobs"
)

// history records the clients' calls and their results.
type history struct {
	store  jobs.Store
	opts   Options
	seeds  []uint64
	ids    [keys]string
	org    string
	start  time.Time // of the clock
	tokens atomic.Int64

	mu    sync.Mutex
	calls []*call
	odd   error // a result that no model explains
}

type call struct {
	client     int
	begin, end time.Duration
	in         input
	out        output
}

// noon is the start of the jobs' times.
var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func newHistory(store jobs.Store, o Options, rng *rand.Rand) *history {
	h := &history{store: store, opts: o, org: jobs.NewID(), start: time.Now()}
	for i := range h.ids {
		h.ids[i] = jobs.NewID()
	}
	for range o.Clients {
		h.seeds = append(h.seeds, rng.Uint64())
	}
	return h
}

// make runs all clients, and then one that reads the final state.
func (h *history) make(ctx context.Context) error {
	var wg sync.WaitGroup
	for n := range h.opts.Clients {
		c := &client{history: h, n: n, rng: rand.New(rand.NewPCG(h.seeds[n], 0))}
		wg.Go(func() {
			for range h.opts.Calls {
				c.act(ctx)
			}
		})
	}
	wg.Wait()
	last := &client{history: h, n: h.opts.Clients}
	for key := range keys {
		last.get(ctx, key)
	}
	if h.opts.Snapshots {
		last.due(ctx)
		last.list(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	slices.SortFunc(h.calls, func(a, b *call) int { return cmp.Compare(a.begin, b.begin) })
	return h.odd
}

func (h *history) operations() []porcupine.Operation {
	ops := make([]porcupine.Operation, len(h.calls))
	for i, c := range h.calls {
		ops[i] = porcupine.Operation{ClientId: c.client, Input: c.in, Output: c.out, Call: int64(c.begin), Return: int64(c.end)}
		if c.out.unknown { // it may take effect later
			ops[i].Return = math.MaxInt64
		}
	}
	return ops
}

// job returns the job that a token stands for.
func (h *history) job(key, token int, revision int64) *jobs.Job {
	j := &jobs.Job{
		ID: h.ids[key], OrganizationID: h.org, Source: jobs.Webhook, State: stateOf(token),
		UserID: strconv.Itoa(token), MaxAttempts: 3, Attempt: token % 3,
		Payload: jobs.Payload{Key: "k/" + strconv.Itoa(token), Size: int64(token)}, Progress: jobs.Progress{Done: int64(token)},
		CreatedAt: noon.Add(time.Duration(key) * time.Second), UpdatedAt: noon.Add(time.Duration(token) * time.Second),
		Revision: revision,
	}
	if isDue(token) {
		j.DueAt = noon.Add(dueAfter(token))
	}
	return j
}

// record returns the record of a job that was read. It is an error if the job differs from
// what the token stands for.
func (h *history) record(key int, j *jobs.Job) record {
	token, err := strconv.Atoi(j.UserID)
	if err != nil || !reflect.DeepEqual(j, h.job(key, token, j.Revision)) {
		h.strange(fmt.Errorf("job %d was read but never written like this: revision %d, user %q", key, j.Revision, j.UserID))
	}
	return record{Revision: j.Revision, Token: token}
}

func (h *history) strange(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.odd = cmp.Or(h.odd, err)
}

// found returns those of a store's jobs that are the history's.
func (h *history) found(all []*jobs.Job) []found {
	var f []found
	for _, j := range all {
		if key := slices.Index(h.ids[:], j.ID); key >= 0 {
			f = append(f, found{key, h.record(key, j)})
		}
	}
	return f
}

// do makes a call and records it. A read with an unknown outcome is not recorded.
func (h *history) do(client int, in input, make func() (output, error)) output {
	c := &call{client: client, in: in, begin: time.Since(h.start)}
	out, err := make()
	c.end = time.Since(h.start)
	switch {
	case err == nil:
	case errors.Is(err, jobs.ErrExists):
		out.exists = true
	case errors.Is(err, jobs.ErrConflict):
		out.conflict = true
	case errors.Is(err, jobs.ErrNotFound):
		out.notFound = true
	default:
		out.unknown = true
	}
	c.out = out
	if !out.unknown || in.method == create || in.method == update {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.calls = append(h.calls, c)
	}
	return out
}
