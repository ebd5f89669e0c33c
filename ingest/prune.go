package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fhirdock/fhirdock/jobs"
)

// What one part of a round may do.
const (
	pruneTime   = 2 * time.Second        // of one part, so that a sweep is not late for what is due
	prunePause  = 100 * time.Millisecond // between two parts of a round, beside the sweeps
	pruneAtOnce = 64                     // jobs or objects, which share syncs and commits
	prunePage   = 500                    // jobs that are read at a time
	pruneList   = 1000                   // objects that are listed at a time
	pruneErrors = 3                      // that are reported
)

// pruning goes through what [Retention] may remove, a part at a time. Each process has
// its own, which begins at the start.
type pruning struct {
	mu   sync.Mutex // held during a part
	next time.Time  // when the next part is due
	end  time.Time  // of the part under way, which begins nothing more after it
	// steps that are left of the round, and the step at which it is. Each step goes on
	// where it was.
	steps []pruneStep
	lost  atomic.Int64 // objects of this round that no job knows
}

func (p *pruning) lostOne() { p.lost.Add(1) }

// over reports whether the time of the part under way has passed.
func (p *pruning) over() bool { return !time.Now().Before(p.end) }

// pruneStep does a part of what it has to do, and reports whether that was all or it can't
// go on. An error beside false is of single jobs or objects, which it has passed.
type pruneStep func(ctx context.Context) (done bool, err error)

// prune does the next part of a round, if one is due. What can't be removed is retried in
// the next round.
func (s *Service) prune(ctx context.Context) error {
	p := &s.pruning
	if s.opts.Retention == nil || !p.mu.TryLock() {
		return nil
	}
	defer p.mu.Unlock()
	if s.now().Before(p.next) {
		return nil
	}
	if len(p.steps) == 0 {
		p.steps = s.pruneSteps()
		p.lost.Store(0)
	}
	p.end = time.Now().Add(pruneTime)
	ctx, cancel := context.WithTimeout(ctx, pruneTime+2*bookkeeping) // a list, and then what was begun
	defer cancel()
	var failed []error
	for len(p.steps) > 0 && ctx.Err() == nil && !p.over() {
		done, err := p.steps[0](ctx)
		if ctx.Err() != nil { // the step is taken again
			break
		}
		if err != nil && len(failed) < pruneErrors {
			failed = append(failed, fmt.Errorf("ingest: remove what is older than its retention: %w", err))
		}
		if done {
			p.steps = p.steps[1:]
		}
	}
	if len(p.steps) == 0 {
		p.next = s.now().Add(s.opts.Retention.every())
		if lost := p.lost.Load(); lost > 0 {
			s.opts.Logger.WarnContext(ctx, "retention: objects without a job are left alone; list them as orphans", "objects", lost)
		}
	}
	return errors.Join(failed...)
}

// pruneSteps are the steps of a round. Records come first, since each takes with it what
// the other steps would look for; one that could find nothing more is left out.
func (s *Service) pruneSteps() []pruneStep {
	var steps []pruneStep
	r := s.opts.Retention
	for _, state := range jobs.States() {
		if r.records(state) > 0 {
			steps = append(steps, (&recordWalk{s: s, state: state}).step)
		}
	}
	// recordsGo reports whether the records of completed and cancelled jobs are removed by then.
	recordsGo := func(by time.Duration) bool {
		return r.Completed > 0 && r.Completed <= by && r.Cancelled > 0 && r.Cancelled <= by
	}
	if r.Payloads > 0 && !recordsGo(r.Payloads) {
		steps = append(steps, (&payloadWalk{s: s}).step)
	}
	if r.Outcomes > 0 && !recordsGo(r.Outcomes) {
		steps = append(steps, (&objectWalk{s: s, prefix: s.opts.OutcomesPrefix, keep: r.Outcomes, visit: s.pruneOutcomes}).step)
	}
	if r.Staging > 0 {
		steps = append(steps, (&objectWalk{s: s, prefix: s.opts.StagingPrefix, keep: r.Staging, visit: s.pruneStaged}).step)
	}
	return steps
}

// pruneBeside removes what is older than its retention until stop is called, which waits
// for it. It runs beside the sweeps, so that neither delays the other.
func (s *Service) pruneBeside(ctx context.Context, every time.Duration) (stop func()) {
	if s.opts.Retention == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := s.prune(ctx); err != nil && ctx.Err() == nil {
				s.opts.Logger.WarnContext(ctx, "retention: not everything was removed; it is retried", "error", err)
			}
			pause := every
			if s.pruning.inRound() {
				pause = min(pause, prunePause)
			}
			timer := time.NewTimer(pause)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// inRound reports whether a round has begun and has not ended.
func (p *pruning) inRound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.steps) > 0
}

// pruneEach calls f for 0 to n-1, some at once, each with a time of its own: one that
// hangs does not hold up the next page. It begins no more once the part's time is over,
// but lets those end that it began, and reports whether it began all.
func (s *Service) pruneEach(ctx context.Context, n int, f func(ctx context.Context, n int) error) (all bool, err error) {
	var left atomic.Bool
	err = s.atOnce(n, func(i int) error {
		if ctx.Err() != nil || s.pruning.over() {
			left.Store(true)
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, bookkeeping)
		defer cancel()
		return f(ctx, i)
	})
	return !left.Load() && ctx.Err() == nil, err
}

// atOnce calls f for 0 to n-1, some at once, and returns how many failed and why the
// first did.
func (s *Service) atOnce(n int, f func(n int) error) error {
	var g errgroup.Group
	g.SetLimit(pruneAtOnce)
	var failed atomic.Int64
	for i := range n {
		g.Go(func() error {
			err := f(i)
			if err != nil {
				failed.Add(1)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("%d of %d failed, such as: %w", failed.Load(), n, err)
	}
	return nil
}
