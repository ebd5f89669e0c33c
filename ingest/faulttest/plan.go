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

// NthCall returns a Plan for the nth call of a kind, counted from 1 over all decorators
// that share it. All other calls are done.
func NthCall(kind Kind, n int, fault Fault) Plan {
	var seen atomic.Int64
	return func(_ context.Context, c Call) Fault {
		if c.Kind == kind && seen.Add(1) == int64(n) {
			return fault
		}
		return None
	}
}

// Seeded returns a Plan in which each call has each fault with its probability, from 0 to
// 1. A call's fault depends on the seed, the call, and the number of identical calls before
// it, not on the order of goroutines.
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

// Recorder records the calls of decorators, so that a test can iterate over them. It is
// safe for concurrent use; the zero Recorder is ready to use.
type Recorder struct {
	mu    sync.Mutex
	calls []Call
}

// Plan returns a Plan that records calls and decides like next, which may be nil.
func (r *Recorder) Plan(next Plan) Plan {
	return func(ctx context.Context, c Call) Fault {
		r.mu.Lock()
		r.calls = append(r.calls, c)
		r.mu.Unlock()
		return next.decide(ctx, c)
	}
}

// Calls returns all calls so far, in order.
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// Count returns the number of calls of each kind: the values of n for [NthCall].
func (r *Recorder) Count() map[Kind]int {
	counts := make(map[Kind]int)
	for _, c := range r.Calls() {
		counts[c.Kind]++
	}
	return counts
}
