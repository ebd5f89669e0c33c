package budget

import (
	"context"
	"slices"
	"sync"
	"time"
)

// turns limits how many requests work at the same time. Organizations with waiting requests
// take turns; within one, requests are served in order of arrival.
type turns struct {
	alone, shared int         // limit while one organization sends, and while several do
	isBehind      func() bool // then the limit is one, with a rest after each

	mu      sync.Mutex
	working int
	queue   []*line          // of organizations with waiting requests, the next one first
	lines   map[string]*line // the same by organization
	count   int              // waiting requests
	rest    rest
	alarm   *time.Timer // calls pass at the end of a rest if none works

	last, other     string // the two organizations that sent last
	lastAt, otherAt time.Time
}

// line has the waiting requests of one organization. Closing the channel gives a request
// its turn.
type line struct {
	organization string
	waiting      []chan struct{}
}

func newTurns(o *Options) *turns {
	t := &turns{alone: o.Working, shared: o.WorkingShared, isBehind: o.Behind, lines: map[string]*line{}}
	t.alarm = time.AfterFunc(time.Hour, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.pass()
	})
	t.alarm.Stop()
	return t
}

// sharing is how long an organization counts as sending after a request.
const sharing = 10 * time.Second

// saw records a request of an organization.
func (t *turns) saw(organization string, now time.Time) {
	if organization != t.last {
		t.other, t.otherAt, t.last = t.last, t.lastAt, organization
	}
	t.lastAt = now
}

// limit returns how many requests may work now.
func (t *turns) limit(oneByOne bool, now time.Time) int {
	if oneByOne {
		return 1
	}
	if t.otherAt.IsZero() || now.Sub(t.otherAt) > sharing {
		return t.alone
	}
	return t.shared
}

// enter waits for a turn, which leave ends, and reports whether it got one. For a request's
// first turn it waits no longer than atMost.
func (t *turns) enter(ctx context.Context, organization string, first bool, atMost time.Duration) bool {
	t.mu.Lock()
	t.saw(organization, time.Now())
	turn, isNext := t.join(organization)
	t.pass()
	t.mu.Unlock()
	select {
	case <-turn:
		return true
	default:
	}
	var over <-chan time.Time
	if first {
		if !isNext && t.isBehind() {
			atMost /= 20 // most of these requests would wait in vain
		}
		timer := time.NewTimer(atMost)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	case <-over:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.quit(organization, turn) {
		return false
	}
	return true // it got its turn just now
}

// join adds a request to its organization's line. It also reports whether the request is
// the next one of its organization.
func (t *turns) join(organization string) (turn chan struct{}, isNext bool) {
	l := t.lines[organization]
	if l == nil {
		l = &line{organization: organization}
		t.lines[organization] = l
		t.queue = append(t.queue, l)
	}
	turn = make(chan struct{})
	l.waiting = append(l.waiting, turn)
	t.count++
	return turn, len(l.waiting) == 1
}

// quit removes a waiting request. It returns false if the request no longer waits.
func (t *turns) quit(organization string, turn chan struct{}) bool {
	l := t.lines[organization]
	if l == nil {
		return false
	}
	i := slices.Index(l.waiting, turn)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	t.count--
	if len(l.waiting) == 0 {
		delete(t.lines, organization)
		t.queue = slices.DeleteFunc(t.queue, func(other *line) bool { return other == l })
	}
	return true
}

// leave ends a turn.
func (t *turns) leave(organization string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.working--
	if t.isBehind() {
		if t.lines[organization] != nil || len(t.queue) > few {
			t.rest.begin(organization, took, time.Now())
		} else {
			t.rest.lengthen(took)
		}
	}
	t.pass()
}

// pass gives turns to the next requests, up to the limit.
func (t *turns) pass() {
	oneByOne, now := len(t.queue) > 0 && t.isBehind(), time.Now()
	for limit := t.limit(oneByOne, now); t.working < limit; t.working++ {
		i := slices.IndexFunc(t.queue, func(l *line) bool { return !oneByOne || t.rest.allows(l, len(t.queue), now) })
		if i < 0 {
			break
		}
		l := t.queue[i]
		t.queue = slices.Delete(t.queue, i, i+1)
		turn := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		t.count--
		if len(l.waiting) > 0 {
			t.queue = append(t.queue, l)
		} else {
			delete(t.lines, l.organization)
		}
		close(turn)
	}
	if len(t.queue) > 0 && t.working == 0 {
		t.alarm.Reset(t.rest.until.Sub(now))
	}
}
