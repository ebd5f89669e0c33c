package ingest

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

const (
	// backlogEvery is how long a count of waiting jobs is valid.
	backlogEvery = 2 * time.Second
	// maxBacklogs is how many organizations' counts are cached.
	maxBacklogs = 4096
	// shortestRetry and longestRetry bound RetryAfter.
	shortestRetry = 5 * time.Second
	longestRetry  = 5 * time.Minute
)

// backlog counts the jobs that wait for a worker, for the limits on them. Counts are cached
// for backlogEvery. Then one request counts again; those that come meanwhile, or within
// backlogEvery after it failed, use the previous count.
type backlog struct {
	svc    *Service
	mu     sync.Mutex
	counts map[string]backlogCount // by organization; "" is the total
}

type backlogCount struct {
	waiting int
	at      time.Time
	rate    float64 // jobs per second by which the number fell since the previous count
	err     error   // of the last try; errCounting during the first one
	asking  bool
}

var errCounting = errors.New("not counted yet")

// admit returns ErrTooMany or ErrUnavailable if the limit of waiting jobs is reached. If
// the store does not answer, the job is admitted: creating it will fail soon enough.
func (b *backlog) admit(ctx context.Context, left *storeTime, organizationID string) error {
	for _, bound := range []struct {
		organization string
		most         int
		kind         error
		message      string
	}{
		{organizationID, b.svc.opts.MaxWaitingPerOrganization, ErrTooMany, "Too many jobs of the organization are waiting, try again later"},
		{"", b.svc.opts.MaxWaiting, ErrUnavailable, "Too many jobs are waiting, try again later"},
	} {
		if bound.most == 0 {
			continue
		}
		count := b.count(ctx, left, bound.organization, bound.most)
		if count.waiting < bound.most {
			continue
		}
		wait := longestRetry
		if count.rate > 0 {
			seconds := float64(count.waiting-bound.most+1) / count.rate
			wait = time.Duration(math.Min(seconds, longestRetry.Seconds()) * float64(time.Second))
		}
		return &Error{Kind: bound.kind, Message: bound.message, RetryAfter: max(shortestRetry, wait)}
	}
	return nil
}

func (b *backlog) count(ctx context.Context, left *storeTime, organizationID string, bound int) backlogCount {
	b.mu.Lock()
	was, known := b.counts[organizationID]
	if known && (was.asking || time.Since(was.at) < backlogEvery) {
		b.mu.Unlock()
		return was
	}
	if !known {
		was.err = errCounting
	}
	was.asking = true
	b.keep(organizationID, was)
	b.mu.Unlock()

	// Leave the rest of the time for the request itself.
	ctx, cancel := left.inTime(context.WithoutCancel(ctx), 0.5)
	n, err := b.svc.back.Jobs.Count(ctx, organizationID, jobs.Accepted, max(10_000, bound+bound/10+1))
	cancel()
	is := backlogCount{waiting: n, at: time.Now()}
	if err != nil {
		is = backlogCount{waiting: was.waiting, at: is.at, err: err}
	} else if past := is.at.Sub(was.at).Seconds(); was.err == nil && past > 0 {
		is.rate = float64(was.waiting-n) / past
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep(organizationID, is)
	return is
}

func (b *backlog) keep(organizationID string, count backlogCount) {
	if _, known := b.counts[organizationID]; !known && len(b.counts) >= maxBacklogs {
		clear(b.counts)
	}
	if b.counts == nil {
		b.counts = make(map[string]backlogCount)
	}
	b.counts[organizationID] = count
}
