package blobstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gocloud.dev/gcerrors"
)

// WriteChecker is what a bucket's driver may answer through Go CDK's As if it can tell
// whether writing works without an object that comes of it. dirblob does.
type WriteChecker interface {
	// CheckWrite returns an error if an object could not be written now.
	CheckWrite(ctx context.Context) error
}

// Ready returns an error if the bucket can't be reached, or can't be written to as far
// as that is known: for a readiness probe. It never writes an object. What a
// [WriteChecker] says is believed; of other buckets it is the outcome of the last
// write through this Store that counts, as [Writes] has it.
func (s *Store) Ready(ctx context.Context) error {
	var checker WriteChecker
	if s.bucket.As(&checker) {
		if err := checker.CheckWrite(ctx); err != nil {
			return fmt.Errorf("blobstore: the bucket can't be written to: %w", err)
		}
		return nil
	}
	switch there, err := s.bucket.IsAccessible(ctx); {
	case err != nil:
		return fmt.Errorf("blobstore: the bucket can't be reached: %w", err)
	case !there:
		return errors.New("blobstore: the bucket does not exist")
	}
	return s.writes.Err()
}

// MaxFailureAge is for how long a failed write counts in [Writes.Err]. After that time
// a write has to try again.
const MaxFailureAge = 30 * time.Second

// Writes remembers what became of the last write to a bucket. The zero value has seen
// none. It is safe for concurrent use.
type Writes struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// Note notes what became of a write with this context. A write that was cancelled, or
// for which the key was taken or not valid, says nothing about the bucket.
func (w *Writes) Note(ctx context.Context, err error) {
	switch code := gcerrors.Code(err); {
	case err == nil, errors.Is(err, ErrExists), code == gcerrors.FailedPrecondition, code == gcerrors.AlreadyExists:
		err = nil // the store has answered
	case errors.Is(ctx.Err(), context.Canceled), code == gcerrors.Canceled, code == gcerrors.InvalidArgument:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.err = time.Now(), err
}

// Err is the error of the last write if it failed, and not longer than
// [MaxFailureAge] ago.
func (w *Writes) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	ago := time.Since(w.at)
	if w.err == nil || ago > MaxFailureAge {
		return nil
	}
	return fmt.Errorf("blobstore: the last write, %s ago, failed: %w", ago.Round(time.Second), w.err)
}
