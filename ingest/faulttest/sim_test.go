package faulttest_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	simSeeds = flag.Uint64("seeds", 300, "how many seeds TestSimulation runs")
	simFirst = flag.Uint64("first", 1, "the first seed")
	simSeed  = flag.Uint64("seed", 0, "run this seed alone, and print its trace with -v")
)

// TestSimulation runs the whole pipeline once for each seed, in synthetic time: a front
// door, two workers and two sweepers, each with its own clock and faults, on one store, one
// bucket and one queue.
//
// The seed decides what clients do and when, the payloads, which calls get which fault, when
// processes crash, stall and start, and how clocks jump. It does not decide the order of
// goroutines that are ready at the same time, the jitter of back-off, and random ids. Most
// failures are reproduced with -seed; if one is not, try -seed with -count 100, or
// GOMAXPROCS=1.
//
// It ends shortly before the -timeout, and with -v logs the number of seeds.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed, sound, func(w *world) {
			if testing.Verbose() || len(w.violations()) > 0 {
				t.Logf("seed %d\n%s", *simSeed, w.trace())
			}
			for _, v := range w.violations() {
				t.Error(v)
			}
		})
		return
	}
	// Seeds make garbage and keep little: this is twice as fast. Much more, and what awaits
	// finalizers, whole worlds, would grow without end.
	defer debug.SetGCPercent(debug.SetGCPercent(300))
	next, last := atomic.Uint64{}, *simFirst+*simSeeds
	next.Store(*simFirst)
	var failed, ran atomic.Int64
	deadline, ends := t.Deadline()
	began, total := time.Now(), &tally{}
	t.Run("seeds", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for failed.Load() < 3 {
					seed := next.Add(1) - 1
					if seed >= last || ends && time.Until(deadline) < 20*time.Second {
						return
					}
					ran.Add(1)
					simulate(t, seed, sound, func(w *world) {
						total.add(w)
						if len(w.violations()) == 0 {
							return
						}
						failed.Add(1)
						t.Errorf("seed %d (go test ./ingest/faulttest -run Simulation -seed %d)\n%s", seed, seed, w.trace())
						for _, v := range w.violations() {
							t.Errorf("seed %d: %s", seed, v)
						}
					})
				}
			})
		}
	})
	t.Logf("%d of %d seeds from %d in %s: %s", ran.Load(), *simSeeds, *simFirst, time.Since(began).Round(time.Millisecond), total)
	if failed.Load() == 0 && *simSeeds >= 100 {
		total.check(t)
	}
}

// simulate runs one seed in its own bubble.
func simulate(t *testing.T, seed uint64, v variant, done func(*world)) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "seed %d panics (go test ./ingest/faulttest -run Simulation -seed %d)\n", seed, seed)
			panic(p)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, v)
		w.run()
		done(w)
	})
}
