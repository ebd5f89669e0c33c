package faulttest

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// NthCall is a Plan for the nth call of a kind, counted from 1 over all
// decorators that have it. All other calls are done.
func NthCall(kind Kind, n int, fault Fault) Plan {
	var seen atomic.Int64
	return func(_ context.Context, c Call) Fault {
		if c.Kind == kind && seen.Add(1) == int64(n) {
			return fault
		}
		return None
	}
}

// Seeded is a Plan in which each call has each fault with its probability, from 0
// to 1. What happens to a call follows from the seed, the call, and how many the
// same there were before it, not from the order in which goroutines come.
func Seeded(seed uint64, probabilities map[Fault]float64) Plan {
	faults := slices.Sorted(maps.Keys(probabilities))
	var mu sync.Mutex
	seen := make(map[Call]uint64)
	return func(_ context.Context, c Call) Fault {
		mu.Lock()
		seen[c]++
		n := seen[c]
		mu.Unlock()
		h := fnv.New64a()
		h.Write([]byte(c.String()))
		h.Write(binary.BigEndian.AppendUint64(nil, n))
		p := rand.New(rand.NewPCG(seed, h.Sum64())).Float64()
		for _, f := range faults {
			if p -= probabilities[f]; p < 0 {
				return f
			}
		}
		return None
	}
}

// Recorder keeps the calls that decorators ask about, so that a test can go
// through them. It is safe for concurrent use; the zero Recorder is ready.
type Recorder struct {
	mu    sync.Mutex
	calls []Call
}

// Plan records calls and decides as next does, which may be nil.
func (r *Recorder) Plan(next Plan) Plan {
	return func(ctx context.Context, c Call) Fault {
		r.mu.Lock()
		r.calls = append(r.calls, c)
		r.mu.Unlock()
		return next.decide(ctx, c)
	}
}

// Calls are all calls so far, in the order in which they came.
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Count is how many calls of each kind there were: what [NthCall] can be asked
// for.
func (r *Recorder) Count() map[Kind]int {
	counts := make(map[Kind]int)
	for _, c := range r.Calls() {
		counts[c.Kind]++
	}
	return counts
}
