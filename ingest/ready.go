package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Errors of [Service.Ready], to be matched with errors.Is: they name the back end. They
// wrap its own error.
var (
	ErrBucketNotReady = errors.New("ingest: the bucket is not ready")
	ErrJobsNotReady   = errors.New("ingest: the job store is not ready")
)

// Ready returns an error if payloads or jobs can't be written now, for a readiness probe:
// it matches ErrBucketNotReady, ErrJobsNotReady or both. It creates no object and no job.
// Job stores and folders check themselves. Other buckets are only asked for an answer; for
// half a minute, a failed write of this Service counts too.
//
// It returns when ctx ends, even if a back end hangs. Calls within a second share one
// check, so that a public probe costs little.
func (s *Service) Ready(ctx context.Context) error {
	bucket, jobs := s.ready.bucket.start(ctx, s.bucketReady), s.ready.jobs.start(ctx, s.back.Jobs.Ready)
	var errs []error
	if err := bucket.wait(ctx); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrBucketNotReady, err))
	}
	if err := jobs.wait(ctx); err != nil {
		errs = append(errs, fmt.Errorf("%w: %w", ErrJobsNotReady, err))
	}
	return errors.Join(errs...)
}

func (s *Service) bucketReady(ctx context.Context) error {
	return errors.Join(s.blobs.Ready(ctx), s.outcomes.WriteErr())
}

// readiness is the latest state of the back ends.
type readiness struct{ bucket, jobs looks }

const (
	freshLook = time.Second     // how long a result is reused
	longLook  = 3 * time.Second // timeout of a look: a connection may be dead
)

// looks checks one back end, one look at a time.
type looks struct {
	mu   sync.Mutex
	last *look
}

type look struct {
	done  chan struct{} // closed once err and ended are set
	err   error
	ended time.Time
}

// start returns the look in progress, the last one if it is fresh, or a new one. A new one
// continues if its caller is gone: others may wait for it.
func (l *looks) start(ctx context.Context, ready func(context.Context) error) *look {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil && !l.last.stale() {
		return l.last
	}
	k := &look{done: make(chan struct{})}
	l.last = k
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longLook)
		defer cancel()
		k.err = ready(ctx)
		k.ended = time.Now()
		close(k.done)
	}()
	return k
}

func (k *look) stale() bool {
	select {
	case <-k.done:
		return time.Since(k.ended) >= freshLook
	default:
		return false
	}
}

func (k *look) wait(ctx context.Context) error {
	select {
	case <-k.done:
		return k.err
	case <-ctx.Done():
	}
	select {
	case <-k.done: // ctx may have ended while waiting for another back end
		return k.err
	default:
		return fmt.Errorf("no answer: %w", ctx.Err())
	}
}
