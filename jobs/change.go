package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Change reads the job, applies change and stores the result. It starts again on
// ErrConflict. It returns the job as stored. If change returns an error, Change returns
// it and stores nothing.
//
// After an error of the store, the change may or may not have been made. So change must
// be safe to repeat: the second time it fails or does nothing.
func Change(ctx context.Context, s Store, id string, change func(*Job) error) (*Job, error) {
	for try := 0; ; try++ {
		job, err := s.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := change(job); err != nil {
			return nil, err
		}
		err = s.Update(ctx, job)
		if err == nil {
			return job, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// pause backs off at random, so that concurrent changes of one job don't keep colliding.
func pause(ctx context.Context, try int) error {
	if try < 2 {
		return ctx.Err()
	}
	timer := time.NewTimer(rand.N(time.Millisecond << min(try, 6)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
