package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

var errNotOpened = errors.New("queue: the subscription is not open yet")

// link tracks whether a Consumer has a subscription, and reports changes.
type link struct {
	log     *slog.Logger
	observe func(error) // may be nil

	changing sync.Mutex // held while observe is called
	mu       sync.Mutex
	err      error
	since    time.Time // of err
}

func (l *link) state() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// set changes the state. It returns the state before, and how long that lasted.
func (l *link) set(err error) (lasted time.Duration, before error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, lasted = l.err, time.Since(l.since)
	l.err = err
	if before == nil || err == nil || errors.Is(before, errNotOpened) {
		l.since = time.Now()
	}
	return lasted, before
}

// lost records that there is no subscription. Only the first of several calls in a row is
// reported.
func (l *link) lost(ctx context.Context, err error) {
	l.changing.Lock()
	defer l.changing.Unlock()
	_, before := l.set(err)
	if before != nil && !errors.Is(before, errNotOpened) {
		l.log.DebugContext(ctx, "subscription not opened", "error", err.Error())
		return
	}
	l.log.WarnContext(ctx, "no subscription; retrying until it is open", "error", err.Error())
	if l.observe != nil {
		l.observe(err)
	}
}

// open records that there is a subscription. The first one is not reported.
func (l *link) open(ctx context.Context) {
	l.changing.Lock()
	defer l.changing.Unlock()
	lasted, before := l.set(nil)
	if before == nil || errors.Is(before, errNotOpened) {
		return
	}
	l.log.InfoContext(ctx, "subscription is open again", "after", lasted)
	if l.observe != nil {
		l.observe(nil)
	}
}
