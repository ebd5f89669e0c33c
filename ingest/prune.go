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

// Limits on one part of a round.
const (
	pruneTime   = 2 * time.Second        // of one part, so that a sweep is not late for due jobs
	prunePause  = 100 * time.Millisecond // between two parts of a round, when it runs beside the sweeps
	pruneAtOnce = 64                     // jobs or objects; concurrent ones share syncs and commits
	prunePage   = 500                    // jobs to read at a time
	pruneList   = 1000                   // objects to list at a time
	pruneErrors = 3                      // to report
)

// pruning removes data past its [Retention], a part at a time. Each process has its own,
// which starts at the beginning.
type pruning struct {
	mu   sync.Mutex // held during a part
	next time.Time  // when the next part is due
	end  time.Time  // of the current part, which begins nothing more after it
	// steps left in the round, beginning with the current one. Each step continues where
	// it stopped.
	steps []pruneStep
	lost  atomic.Int64 // objects without a job in this round
}

func (p *pruning) lostOne() { p.lost.Add(1) }

// over reports whether the current part's time has passed.
func (p *pruning) over() bool { return !time.Now().Before(p.end) }

// pruneStep does a part of its work, and reports whether that was all or it can't continue.
// An error with done false is about single jobs or objects, which were skipped.
type pruneStep func(ctx context.Context) (done bool, err error)

// prune does the next part of a round, if one is due. Failed removals are retried in the
// next round.
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
	ctx, cancel := context.WithTimeout(ctx, pruneTime+2*bookkeeping) // one list, then one removal
	defer cancel()
	var failed []error
	for len(p.steps) > 0 && ctx.Err() == nil && !p.over() {
		done, err := p.steps[0](ctx)
		if ctx.Err() != nil { // retry the step
			break
		}
		if err != nil && len(failed) < pruneErrors {
			failed = append(failed, fmt.Errorf("ingest: remove data past its retention: %w", err))
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

// pruneSteps returns the steps of a round. Records come first, since removing a record
// removes everything of its job; steps that could find nothing more are left out.
func (s *Service) pruneSteps() []pruneStep {
	var steps []pruneStep
	r := s.opts.Retention
	for _, state := range jobs.States() {
		if r.records(state) > 0 {
			steps = append(steps, (&recordWalk{s: s, state: state}).step)
		}
	}
	// recordsGo reports whether records of completed and cancelled jobs are removed by then.
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

// pruneBeside removes data past its retention until stop is called, which waits for it. It
// runs beside the sweeps, so that neither delays the other.
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
				s.opts.Logger.WarnContext(ctx, "retention: not everything was removed; retrying", "error", err)
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

// pruneEach calls f for 0 to n-1, concurrently, each with its own timeout, so that one that
// hangs does not hold up the next page. Once the part's time is over it begins no more,
// but lets running calls end. all reports whether it began all of them.
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

// atOnce calls f for 0 to n-1, concurrently, and returns how many failed with the first
// error.
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
