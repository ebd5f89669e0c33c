package sqljobs

import (
	"container/list"
	"context"
	"runtime"
	"sync"
)

// maxGroup bounds the calls of one group, and so how many fail with a commit.
const maxGroup = 256

// gatherer groups calls that arrive while others are in progress, so that they share the
// next round trip to the database. A call starts a goroutine if fewer than the maximum are
// running; it ends when no call waits.
type gatherer[A, R any] struct {
	// do runs a group and answers each of its calls exactly once.
	do func(ctx context.Context, group []*call[A, R])
	// key must be unique in a group: a second call with the same key waits for the next
	// group. Nil if there is no such restriction.
	key    func(A) string
	groups int // maximum of running

	mu      sync.Mutex
	running int        // groups in progress
	waiting *list.List // of *call[A, R], the longest waiting first
}

// call is a call's argument and its result.
type call[A, R any] struct {
	ctx  context.Context // of the caller
	arg  A
	done chan struct{} // closed once out and err are set
	out  R
	err  error
}

func (w *call[A, R]) answer(out R, err error) {
	w.out, w.err = out, err
	close(w.done)
}

// gather returns a gatherer that runs at most the given number of groups concurrently.
func gather[A, R any](groups int, key func(A) string, do func(context.Context, []*call[A, R])) *gatherer[A, R] {
	return &gatherer[A, R]{do: do, key: key, groups: groups, waiting: list.New()}
}

// call waits for the result of a call, which is durable. If ctx ends first, the call was
// either not started, or its outcome is unknown.
func (g *gatherer[A, R]) call(ctx context.Context, arg A) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	w := &call[A, R]{ctx: ctx, arg: arg, done: make(chan struct{})}
	g.mu.Lock()
	element := g.waiting.PushBack(w)
	start := g.running < g.groups
	if start {
		g.running++
	}
	g.mu.Unlock()
	if start {
		// Without ctx's cancellation, because other callers wait for the group too. In a
		// goroutine, because it may wait for a lock for longer than ctx allows.
		go g.run(context.WithoutCancel(ctx))
	}
	select {
	case <-w.done:
		return w.out, w.err
	case <-ctx.Done():
		g.mu.Lock()
		g.waiting.Remove(element) // does nothing if it was taken
		g.mu.Unlock()
		return none, ctx.Err()
	}
}

// run runs one group after the other until no call waits.
func (g *gatherer[A, R]) run(ctx context.Context) {
	for {
		// Let callers that were just answered make their next call first.
		runtime.Gosched()
		group := g.take()
		if group == nil {
			return
		}
		g.do(ctx, group)
	}
}

// take returns the calls that have waited longest, as the next group. If none waits, it
// returns nil and decrements running.
func (g *gatherer[A, R]) take() []*call[A, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting.Len() == 0 {
		g.running--
		return nil
	}
	group := make([]*call[A, R], 0, min(g.waiting.Len(), maxGroup))
	keys := make(map[string]bool)
	for at := g.waiting.Front(); at != nil && len(group) < maxGroup; {
		w, next := at.Value.(*call[A, R]), at.Next()
		if g.key == nil || !keys[g.key(w.arg)] {
			if g.key != nil {
				keys[g.key(w.arg)] = true
			}
			g.waiting.Remove(at)
			group = append(group, w)
		}
		at = next
	}
	return group
}
