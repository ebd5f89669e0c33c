package faulttest_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/blobstore/signedurl"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

var silent = slog.New(slog.DiscardHandler)

// process is one program: a front door, or a worker and a sweeper.
type process struct {
	w     *world
	name  string
	skew  atomic.Int64 // of its clock, in nanoseconds
	dead  atomic.Bool
	gone  chan struct{} // closed when it crashed
	ctx   context.Context
	stop  context.CancelFunc
	runs  sync.WaitGroup
	topic *pubsub.Topic

	svc     *ingest.Service
	bucket  *blob.Bucket
	uploads http.Handler

	mu   sync.Mutex
	seen map[faulttest.Call]uint64
}

// start starts a process. If works is set, it has a worker and a sweeper.
func (w *world) start(name string, works bool) *process {
	p := &process{w: w, name: name, gone: make(chan struct{}), seen: map[faulttest.Call]uint64{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.bucket = faulttest.Bucket(w.bucket, p.plan)
	p.topic = faulttest.Topic(w.topic, p.plan)
	store := faulttest.Store(w.store.as(name), p.plan)
	if w.variant.seen != nil {
		store = w.variant.seen(store)
	}
	var err error
	p.svc, err = ingest.New(ingest.Backends{
		Store:        must(blobstore.New(p.bucket, &blobstore.Options{Signer: w.signer})),
		Publisher:    must(queue.NewPublisher(p.topic, nil)),
		Subscription: queue.Reopen(p.subscribe),
		Jobs:         store,
	}, w.options(p.now))
	require.NoError(w.t, err)
	p.uploads, err = signedurl.NewHandler(p.bucket, w.signer, &signedurl.HandlerOptions{Logger: silent, OnCreated: p.created})
	require.NoError(w.t, err)
	w.note(name, "starts")
	if !works {
		return p
	}
	// Nodes with different options: a job's batches have the same borders on all.
	h := fnv.New64a()
	h.Write([]byte(name))
	batch := 1 + int(h.Sum64()%4)
	if w.script != nil {
		batch = 2
	}
	worker, err := ingest.NewWorker(p.svc, p.handler(), &ingest.WorkerOptions{
		Concurrency: 2, BatchResources: batch, Lease: lease, DrainTimeout: 5 * time.Second, PollInterval: w.variant.poll,
	})
	require.NoError(w.t, err)
	sweeper, err := ingest.NewSweeper(p.svc, &ingest.SweeperOptions{Page: 3})
	require.NoError(w.t, err)
	p.runs.Go(func() { _ = worker.Run(p.ctx) })
	p.runs.Go(func() { _ = sweeper.Run(p.ctx) })
	return p
}

// subscribe is faulttest.Opener, and remembers the subscriptions it opens.
func (p *process) subscribe(ctx context.Context) (*pubsub.Subscription, error) {
	if p.plan(ctx, faulttest.Call{Kind: faulttest.SubscriptionOpen}) != faulttest.None {
		return nil, faulttest.ErrInjected
	}
	sub := faulttest.Subscription(p.w.sub, p.plan)
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.subs = append(p.w.subs, sub)
	return sub, nil
}

// unstick ends a goroutine that a Go CDK subscription would leave for ever if a message
// comes when nothing receives any more, and that would keep the bubble from ending.
func unstick(sub *pubsub.Subscription) {
	v := reflect.ValueOf(sub).Elem()
	mu := (*sync.Mutex)(v.FieldByName("mu").Addr().UnsafePointer())
	mu.Lock()
	waiting := *(*chan struct{})(v.FieldByName("waitc").Addr().UnsafePointer())
	mu.Unlock()
	select {
	case <-waiting:
	default:
	}
}

func (p *process) now() time.Time { return time.Now().Add(time.Duration(p.skew.Load())) }

// crash ends a process like SIGKILL: nothing that it does from now on has any effect.
func (p *process) crash(why string) {
	if p.dead.Swap(true) {
		return
	}
	p.w.note(p.name, "crashes %s", why)
	p.w.mu.Lock()
	p.w.crashes++
	p.w.mu.Unlock()
	close(p.gone)
	p.stop()
}

// wait waits until all of the process's goroutines have ended.
func (p *process) wait() {
	p.stop()
	p.runs.Wait()
	end, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.topic.Shutdown(end)
	p.w.note(p.name, "has ended")
}

// created handles a notification, which may be lost, duplicated or late.
func (p *process) created(ctx context.Context, c notify.ObjectCreated) error {
	if p.w.script != nil {
		return p.svc.ObjectCreated(ctx, c)
	}
	switch p.draw(faulttest.Call{Kind: "notification", Key: c.Key}).IntN(6) {
	case 0:
		return nil
	case 1:
		_ = p.svc.ObjectCreated(ctx, c)
	case 2:
		p.w.clients.Go(func() {
			time.Sleep(70 * time.Second)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = p.w.front.Load().svc.ObjectCreated(ctx, c)
		})
		return nil
	}
	return p.svc.ObjectCreated(ctx, c)
}

// draw returns random numbers that depend on the seed, the process, the call, and the number
// of identical calls before.
func (p *process) draw(c faulttest.Call) *rand.Rand {
	c.Key = p.w.alias(c.Key)
	p.mu.Lock()
	p.seen[c]++
	n := p.seen[c]
	p.mu.Unlock()
	h := fnv.New64a()
	h.Write([]byte(p.name))
	h.Write([]byte(c.Kind))
	h.Write([]byte(c.Key))
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	return rand.New(rand.NewPCG(p.w.seed, h.Sum64()))
}

// alias returns a key without its random parts: version 4 ids are numbered in the order in
// which they are seen, and the salt after an id is removed.
func (w *world) alias(key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		if len(part) < 36 || !jobs.ValidID(part[:36]) {
			continue
		}
		id, rest := part[:36], part[36:]
		if dot := strings.LastIndexByte(rest, '.'); dot >= 0 {
			rest = rest[dot:]
		}
		if id[14] == '4' {
			w.mu.Lock()
			if w.aliases[id] == "" {
				w.aliases[id] = fmt.Sprint("id", len(w.aliases))
			}
			id = w.aliases[id]
			w.mu.Unlock()
		}
		parts[i] = id + rest
	}
	return strings.Join(parts, "/")
}

// plan decides the fault of a call of this process.
func (p *process) plan(ctx context.Context, c faulttest.Call) faulttest.Fault {
	fault := p.decide(ctx, c)
	w := p.w
	w.mu.Lock()
	w.lines = append(w.lines, traceLine{at: time.Since(w.began), who: p.name, call: c, then: fault})
	if !p.dead.Load() {
		w.faults[fault]++
	}
	w.mu.Unlock()
	// A call whose context has ended fails: the process stalled before it.
	if r, ok := ctx.Value(requestKey{}).(*request); ok && (fault != faulttest.None || ctx.Err() != nil) {
		r.faulty.Store(true)
	}
	return fault
}

func (p *process) decide(ctx context.Context, c faulttest.Call) faulttest.Fault {
	if p.dead.Load() {
		return faulttest.Before
	}
	if !p.w.chaos.Load() {
		return faulttest.None
	}
	if p.w.script != nil {
		return p.w.script(ctx, p, c)
	}
	rng := p.draw(c)
	roll := rng.Float64() * 1000
	for _, f := range []struct {
		permille float64
		fault    faulttest.Fault
	}{
		{15, faulttest.Before}, {15, faulttest.After}, {4, faulttest.Hang}, {4, faulttest.HangAfter}, {4, faulttest.Late},
		{15, faulttest.Double}, {8, faulttest.Drop}, {8, faulttest.Delay},
	} {
		if roll -= f.permille; roll < 0 {
			if strings.HasPrefix(string(c.Kind), "subscription.") && c.Kind != faulttest.SubscriptionReceive && rng.IntN(4) > 0 {
				return faulttest.None // so that a subscription is left
			}
			return f.fault
		}
	}
	if roll -= 3; roll < 0 && strings.HasPrefix(p.name, "node") { // killed, before or after the call
		p.crash("at " + c.String())
		return []faulttest.Fault{faulttest.Before, faulttest.After}[rng.IntN(2)]
	}
	if roll -= 2; roll < 0 { // stopped, as by SIGSTOP, and continued later
		p.w.note(p.name, "stalls at %s", c)
		p.w.mu.Lock()
		p.w.stalls++
		p.w.mu.Unlock()
		time.Sleep(time.Duration(rng.Int64N(int64(2 * lease))))
		if p.dead.Load() {
			return faulttest.Before
		}
	}
	return faulttest.None
}
