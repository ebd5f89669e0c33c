package ingest

import (
	"context"
	"time"
)

// inTime bounds what a caller waits for.
func (s *Service) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.opts.StoreTimeout)
}

// storeTime is what is left of Options.StoreTimeout for a caller that waits for several
// calls of the back ends, one after another. What passes between them does not count: a
// payload may take long to come and to be written.
type storeTime time.Duration

func (s *Service) storeTime() *storeTime { return new(storeTime(s.opts.StoreTimeout)) }

// inTime bounds a call by a share of what is left. cancel ends it, and takes away what it
// took.
func (t *storeTime) inTime(ctx context.Context, share float64) (_ context.Context, cancel context.CancelFunc) {
	began := time.Now()
	ctx, stop := context.WithTimeout(ctx, time.Duration(share*float64(*t)))
	return ctx, func() {
		stop()
		*t -= storeTime(time.Since(began))
	}
}
