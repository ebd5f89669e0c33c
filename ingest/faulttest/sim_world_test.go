package faulttest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// world is one simulated deployment and everything known about it.
type world struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand // only for the goroutine of run
	variant variant
	began   time.Time
	// script decides faults instead of the seed.
	script func(context.Context, *process, faulttest.Call) faulttest.Fault
	// met reports that the script's fault was reached.
	met atomic.Bool
	// poisoned payloads fail permanently.
	poisoned atomic.Bool
	// retention of all processes; nil keeps everything.
	retention *ingest.Retention
	// erased is the organization that is erased at the end; empty for none.
	erased     string
	eraseBegan atomic.Bool

	store   *checker
	bucket  *blob.Bucket
	topic   *pubsub.Topic
	sub     *pubsub.Subscription
	signer  *signedurl.Signer
	ledger  *ledger
	front   atomic.Pointer[process]
	chaos   atomic.Bool
	clients sync.WaitGroup

	mu       sync.Mutex
	lines    []traceLine
	bad      []string
	promises map[string]*promise // by job
	removed  map[string]*removed // by job
	subs     []*pubsub.Subscription
	requests []*request // in the order of their start
	aliases  map[string]string
	faults   map[faulttest.Fault]int
	crashes  int
	stalls   int
}

// lease is the workers' lease. Clocks differ by less than half of it.
const lease = 15 * time.Second

func newWorld(t *testing.T, seed uint64, v variant) *world {
	w := &world{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), variant: v, began: time.Now(),
		bucket: memblob.OpenBucket(nil), promises: map[string]*promise{}, removed: map[string]*removed{}, aliases: map[string]string{},
		faults: map[faulttest.Fault]int{},
	}
	w.ledger = &ledger{w: w, keys: map[string]bool{}, effects: map[effect]int{}}
	var inner jobs.Store = jobs.NewMemStore()
	if v.store != nil {
		inner = v.store(inner)
	}
	w.store = &checker{w: w, inner: inner, owners: map[string]string{}}
	w.topic, w.sub = local(&queue.LocalOptions{Capacity: []int{2, 8, 4096}[w.rng.IntN(3)]})
	base, err := url.Parse("http://localhost/v1/objects")
	require.NoError(t, err)
	w.signer, err = signedurl.NewSigner(base, bytes.Repeat([]byte{1}, 32), nil)
	require.NoError(t, err)
	return w
}

// options returns the options of every Service.
func (w *world) options(now func() time.Time) *ingest.Options {
	retention := w.retention
	if w.variant.keep != nil && retention != nil {
		r := *retention
		w.variant.keep(&r)
		retention = &r
	}
	return &ingest.Options{
		Retention: retention, BufferBytes: 600, UploadExpiry: time.Minute, UploadGrace: 5 * time.Minute, MaxAttempts: 6,
		RetryBase: time.Second, RetryMax: 10 * time.Second, Now: now, Logger: silent,
	}
}

// run starts clients and faults, then lets the pipeline settle, and checks the final state.
func (w *world) run() {
	defer w.mustEnd(fmt.Sprintf("seed %d", w.seed))()
	w.chaos.Store(true)
	w.retention = chooseRetention(w.seed)
	if w.seed%5 == 0 {
		w.erased = []string{ledgerOrg, lakeOrg}[w.seed%2]
	}
	w.front.Store(w.start("front", false))
	slots := make(chan struct{})
	slotsDone := make(chan struct{}, 2)
	for i := range 2 {
		name, rng := fmt.Sprintf("node%d", i), rand.New(rand.NewPCG(w.seed, uint64(i)+100))
		go func() {
			w.slot(name, rng, slots)
			slotsDone <- struct{}{}
		}()
	}
	for i := range 4 + w.rng.IntN(8) {
		w.pause(w.rng, 8*time.Second)
		r := w.request(i)
		rng := rand.New(rand.NewPCG(w.seed, uint64(i)+1000))
		w.clients.Go(func() { r.send(w, rng) })
		if w.rng.IntN(12) == 0 { // the front door is killed, and another one starts
			old := w.front.Load()
			old.crash("at a random time")
			w.front.Store(w.start("front", false))
			w.clients.Go(old.wait)
		}
	}
	w.clients.Wait()
	w.pause(w.rng, 30*time.Second)
	w.erase(w.front.Load())

	// The faults are over: restart crashed processes, with correct clocks.
	w.chaos.Store(false)
	close(slots)
	<-slotsDone
	<-slotsDone
	w.front.Load().stop()
	w.front.Load().wait()
	last := []*process{w.start("last0", true), w.start("last1", true)}
	w.erase(last[0])
	w.settle()
	w.settleRetention()
	for _, p := range last {
		p.stop()
		p.wait()
	}
	w.checkEnd()
	w.close()
}

// mustEnd panics if the function it guards does not end, since synthetic time would go on
// for ever.
func (w *world) mustEnd(called string) (ended func()) {
	// Don't capture w: a bubble's timers outlive it, and would keep all worlds of a long run
	// in memory.
	var running atomic.Pointer[world]
	running.Store(w)
	timer := time.AfterFunc(2*time.Hour, func() {
		if w := running.Load(); w != nil {
			panic(called + " does not end\n" + w.trace())
		}
	})
	return func() {
		timer.Stop()
		running.Store(nil)
	}
}

// close closes the shared back ends.
func (w *world) close() {
	require.NoError(w.t, w.topic.Shutdown(w.t.Context()))
	require.NoError(w.t, w.sub.Shutdown(w.t.Context()))
	synctest.Wait()
	for _, sub := range append(w.subs, w.sub) {
		unstick(sub)
	}
}

// slot runs one node after another, each until it crashes or is replaced.
func (w *world) slot(name string, rng *rand.Rand, end chan struct{}) {
	var old sync.WaitGroup // processes that end while the next one runs
	defer old.Wait()
	for n := 0; ; n++ {
		p := w.start(fmt.Sprintf("%s.%d", name, n), true)
		p.skew.Store(int64(skew(rng)))
		life := time.NewTimer(time.Duration(rng.Int64N(int64(60 * time.Second))))
		ended := false
		for running := true; running; {
			jump := time.NewTimer(time.Duration(rng.Int64N(int64(20 * time.Second))))
			select {
			case <-p.gone: // it crashed
				running = false
			case <-jump.C:
				p.skew.Store(int64(skew(rng)))
			case <-life.C:
				if rng.IntN(2) == 0 {
					p.crash("at a random time")
				}
				running = false
			case <-end:
				running, ended = false, true
			}
			jump.Stop()
		}
		life.Stop()
		p.stop()
		if rng.IntN(2) == 0 || ended { // otherwise the next one starts while it ends
			p.wait()
		} else {
			old.Go(p.wait)
		}
		if ended {
			return
		}
		select {
		case <-end:
			return
		case <-time.After(time.Duration(rng.Int64N(int64(10 * time.Second)))):
		}
	}
}

// skew returns a node's clock error: any two differ by less than half a lease.
func skew(rng *rand.Rand) time.Duration {
	return time.Duration(rng.Int64N(int64(lease/2))) - lease/4
}

func (w *world) pause(rng *rand.Rand, most time.Duration) {
	time.Sleep(time.Duration(rng.Int64N(int64(most))))
}

// settle waits until no job is due any more.
func (w *world) settle() {
	for range 300 {
		due, err := w.store.inner.Due(w.t.Context(), time.Now().Add(1000*time.Hour), 1000)
		require.NoError(w.t, err)
		if len(due) == 0 {
			time.Sleep(time.Minute) // let running work end
			return
		}
		time.Sleep(10 * time.Second)
	}
	due, _ := w.store.inner.Due(w.t.Context(), time.Now().Add(1000*time.Hour), 1000)
	for _, j := range due {
		w.violation("job %s is %s and always due, attempt %d, failure %+v", j.ID, j.State, j.Attempt, j.Failure)
	}
}

// violation notes that a guarantee was broken.
func (w *world) violation(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad = append(w.bad, fmt.Sprintf(format, args...))
	w.lines = append(w.lines, traceLine{at: time.Since(w.began), who: "!!", what: w.bad[len(w.bad)-1]})
}

func (w *world) violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.bad...)
}

type traceLine struct {
	at   time.Duration
	who  string
	what string
	call faulttest.Call
	then faulttest.Fault
}

func (w *world) note(who, format string, args ...any) {
	line := traceLine{at: time.Since(w.began), who: who, what: fmt.Sprintf(format, args...)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, line)
}

// trace returns everything that happened, one event per line.
func (w *world) trace() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, l := range w.lines {
		what := l.what
		if l.call.Kind != "" {
			what = l.call.String()
			if l.then != faulttest.None {
				what += " => " + l.then.String()
			}
		}
		fmt.Fprintf(&b, "%10.3fs %-8s %s\n", l.at.Seconds(), l.who, what)
	}
	return b.String()
}
