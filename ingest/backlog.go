package ingest

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// backlogEvery is how long a count of waiting jobs is good for.
	backlogEvery = 2 * time.Second
	// maxBacklogs is how many organizations' counts are cached.
	maxBacklogs = 4096
	// shortestRetry and longestRetry bound RetryAfter.
	shortestRetry = 5 * time.Second
	longestRetry  = 5 * time.Minute
)

// backlog counts the jobs that wait for a worker, for the bounds on them. Counts are cached
// for backlogEvery, and requests that need one at the same time share a query.
type backlog struct {
	svc    *Service
	asking singleflight.Group
	mu     sync.Mutex
	counts map[string]backlogCount // by organization; of all under ""
}

type backlogCount struct {
	waiting int
	at      time.Time
	rate    float64 // jobs a second by which the number fell since the count before
}

// admit returns ErrTooMany or ErrUnavailable if as many jobs wait as are allowed. If the
// store does not answer, the job is admitted: creating it will fail soon enough.
func (b *backlog) admit(ctx context.Context, organizationID string) error {
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
		count, err := b.count(ctx, bound.organization, bound.most)
		if err != nil || count.waiting < bound.most {
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

// Waiting returns how many jobs wait for a worker, in all. It counts up to 10,000, or to
// a tenth more than [Options.MaxWaiting] if that is more, and asks the job store at most
// every two seconds. ErrUnavailable.
func (s *Service) Waiting(ctx context.Context) (int, error) {
	count, err := s.backlog.count(ctx, "", s.opts.MaxWaiting)
	if err != nil {
		return 0, unavailable("count waiting jobs", err)
	}
	return count.waiting, nil
}

func (b *backlog) count(ctx context.Context, organizationID string, bound int) (backlogCount, error) {
	b.mu.Lock()
	was, known := b.counts[organizationID]
	b.mu.Unlock()
	if known && time.Since(was.at) < backlogEvery {
		return was, nil
	}
	got, err, _ := b.asking.Do(organizationID, func() (any, error) {
		ctx, cancel := b.svc.inTime(context.WithoutCancel(ctx)) // others wait for it too
		defer cancel()
		n, err := b.svc.back.Jobs.Waiting(ctx, organizationID, max(10_000, bound+bound/10+1))
		if err != nil {
			return backlogCount{}, err
		}
		is := backlogCount{waiting: n, at: time.Now()}
		if past := is.at.Sub(was.at).Seconds(); known && past > 0 {
			is.rate = float64(was.waiting-n) / past
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.counts) >= maxBacklogs {
			clear(b.counts)
		}
		if b.counts == nil {
			b.counts = make(map[string]backlogCount)
		}
		b.counts[organizationID] = is
		return is, nil
	})
	return got.(backlogCount), err
}
