package blobstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gocloud.dev/gcerrors"
)

// WriteChecker is implemented by drivers that can check whether writing works without
// leaving an object, such as dirblob. They return it through Go CDK's As.
type WriteChecker interface {
	// CheckWrite returns an error if an object could not be written now.
	CheckWrite(ctx context.Context) error
}

// Ready returns an error if the bucket can't be reached or, as far as is known, written
// to: for a readiness probe. It never writes an object. It asks the bucket's
// [WriteChecker], or goes by the last write through this Store; see [Writes].
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

// MaxFailureAge is how long a failed write counts in [Writes.Err]. After that, a write has
// to try again.
const MaxFailureAge = 30 * time.Second

// Writes remembers the outcome of the last write to a bucket. The zero value has seen
// none. It is safe for concurrent use.
type Writes struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// Note records the outcome of a write with this context. A write that was cancelled, or
// whose key was taken or invalid, says nothing about the bucket.
func (w *Writes) Note(ctx context.Context, err error) {
	switch code := gcerrors.Code(err); {
	case err == nil, errors.Is(err, ErrExists), code == gcerrors.FailedPrecondition, code == gcerrors.AlreadyExists:
		err = nil // the store answered
	case errors.Is(ctx.Err(), context.Canceled), code == gcerrors.Canceled, code == gcerrors.InvalidArgument:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.err = time.Now(), err
}

// Err returns the error of the last write if that failed within [MaxFailureAge].
func (w *Writes) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	ago := time.Since(w.at)
	if w.err == nil || ago > MaxFailureAge {
		return nil
	}
	return fmt.Errorf("blobstore: the last write, %s ago, failed: %w", ago.Round(time.Second), w.err)
}
