package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Change reads the job, applies change and stores it, again from the start
// where another change came between. It returns the job as stored. An error of
// change ends it and nothing is stored.
//
// An error of the store leaves open whether the change was made; changes are
// such that repeating them is refused or does nothing new.
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

// pause spreads those who change the same job at the same time.
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
