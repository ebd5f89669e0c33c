package ingest

import (
	"context"
	"time"
)

// inTime bounds the time that a caller waits.
func (s *Service) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.opts.StoreTimeout)
}

// storeTime is the rest of Options.StoreTimeout for a caller that makes several calls of
// the back ends in turn. The time between them does not count: a payload may take long to
// arrive and to be written.
type storeTime time.Duration

func (s *Service) storeTime() *storeTime { return new(storeTime(s.opts.StoreTimeout)) }

// inTime bounds a call by a share of the rest. cancel ends it, and subtracts the time that
// it took.
func (t *storeTime) inTime(ctx context.Context, share float64) (_ context.Context, cancel context.CancelFunc) {
	began := time.Now()
	ctx, stop := context.WithTimeout(ctx, time.Duration(share*float64(*t)))
	return ctx, func() {
		stop()
		*t -= storeTime(time.Since(began))
	}
}
