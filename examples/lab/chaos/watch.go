//go:build unix

package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// watch polls the job store and measures how long interrupted jobs waited: from the end of
// the lease, or from the gateway's restart if that was later, until a worker claims the
// job.
type watch struct {
	store jobs.Store
	ahead time.Duration // how far ahead the due times of running jobs are

	mu      sync.Mutex
	up      time.Time
	waiting int
	seen    map[string]held
	waits   []time.Duration
	again   int // interrupted again before they were claimed
}

// held is a job as last seen.
type held struct {
	attempt int
	lease   time.Time // its end; zero if not claimed in this attempt
	rescued time.Time // when it was taken from a dead worker
}

func newWatch(store jobs.Store, ahead time.Duration) *watch {
	return &watch{store: store, ahead: ahead, seen: map[string]held{}}
}

// running records that a gateway is running again.
func (w *watch) running() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up = time.Now()
}

// run polls every few milliseconds until ctx is done. Failed polls, such as while a
// database is created, are skipped.
func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		if due, err := w.store.Due(ctx, now.Add(w.ahead), 1000); err == nil {
			w.look(ctx, due, now)
		}
		if n, err := w.store.Count(ctx, "", jobs.Accepted, manyWaiting+1); err == nil {
			w.mu.Lock()
			w.waiting = n
			w.mu.Unlock()
		}
	}
}

func (w *watch) look(ctx context.Context, due []*jobs.Job, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gone := make(map[string]held, len(w.seen))
	for id, h := range w.seen {
		gone[id] = h
	}
	for _, j := range due {
		delete(gone, j.ID)
		w.step(j, now)
	}
	for id := range gone {
		delete(w.seen, id)
		if j, err := w.store.Get(ctx, id); err == nil {
			w.seen[id] = gone[id]
			w.step(j, j.UpdatedAt)
			delete(w.seen, id)
		}
	}
}

// step compares a job with its last state.
func (w *watch) step(j *jobs.Job, now time.Time) {
	was := w.seen[j.ID]
	if j.Attempt > was.attempt && !was.lease.IsZero() && j.Failure == nil {
		from := was.lease
		if w.up.After(from) {
			from = w.up
		}
		if !was.rescued.IsZero() && w.up.After(was.rescued) {
			// The wake-up was lost with the process that sent it. A worker finds the job
			// at its next poll, which depends on -poll-every and not on the lease.
			w.again++
		} else {
			w.waits = append(w.waits, max(0, now.Sub(from)))
		}
	}
	is := held{attempt: j.Attempt}
	switch {
	case j.State == jobs.Processing:
		is.lease = j.DueAt
	case j.Attempt == was.attempt && !was.lease.IsZero():
		is.lease, is.rescued = was.lease, was.rescued
		if is.rescued.IsZero() {
			is.rescued = now
		}
	}
	w.seen[j.ID] = is
}

const manyWaiting = 8

// backlogged reports whether many jobs wait. Sending more would only measure the queue.
func (w *watch) backlogged() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting > manyWaiting
}

// recoveries returns the measured times, shortest first, and the number of jobs that were
// interrupted again before their time ended.
func (w *watch) recoveries() (waits []time.Duration, again int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.waits)), w.again
}
