package sqljobs

import (
	"container/list"
	"context"
	"runtime"
	"sync"
)

// maxGroup bounds the calls of one group, and with it what a commit that fails
// takes with it.
const maxGroup = 256

// gatherer lets calls that come while others are under way share the next trip to
// the database. One of those who wait begins it; it goes on without them, and
// nothing runs where nobody waits.
type gatherer[A, R any] struct {
	// do carries out a group and answers each call of it, once.
	do func(ctx context.Context, group []*call[A, R])
	// key is what no two calls of a group may have in common: the second waits for
	// the next one. Nil if there is no such thing.
	key    func(A) string
	groups int // that may be under way at once

	mu      sync.Mutex
	under   int        // way, groups that are
	waiting *list.List // of *call[A, R], the longest waiting first
}

// call is what was asked for and what became of it.
type call[A, R any] struct {
	ctx  context.Context // of the one who waits
	arg  A
	done chan struct{} // closed once out and err are set
	out  R
	err  error
}

func (w *call[A, R]) answer(out R, err error) {
	w.out, w.err = out, err
	close(w.done)
}

// gather returns a gatherer with so many groups under way at most.
func gather[A, R any](groups int, key func(A) string, do func(context.Context, []*call[A, R])) *gatherer[A, R] {
	return &gatherer[A, R]{do: do, key: key, groups: groups, waiting: list.New()}
}

// call asks, and returns what became of it once that is durable. It returns when
// ctx ends; what was asked for was then either not begun, or it is not known what
// became of it.
func (g *gatherer[A, R]) call(ctx context.Context, arg A) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	w := &call[A, R]{ctx: ctx, arg: arg, done: make(chan struct{})}
	g.mu.Lock()
	place := g.waiting.PushBack(w)
	begin := g.under < g.groups
	if begin {
		g.under++
	}
	g.mu.Unlock()
	if begin {
		// Others wait for this group, so it does not end with this context; and it may
		// wait for a lock, so this caller does not wait for more than its own context
		// allows.
		go g.run(context.WithoutCancel(ctx))
	}
	select {
	case <-w.done:
		return w.out, w.err
	case <-ctx.Done():
		g.mu.Lock()
		g.waiting.Remove(place) // nothing, if it was taken
		g.mu.Unlock()
		return none, ctx.Err()
	}
}

// run carries out one group after the other until nobody waits.
func (g *gatherer[A, R]) run(ctx context.Context) {
	for {
		// Those who have just been answered, and are about to ask for the next thing,
		// come along.
		runtime.Gosched()
		group := g.take()
		if group == nil {
			return
		}
		g.do(ctx, group)
	}
}

// take returns the calls that wait longest. It is nil where nobody waits; then the
// group is not under way any more.
func (g *gatherer[A, R]) take() []*call[A, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting.Len() == 0 {
		g.under--
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
