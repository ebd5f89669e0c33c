package sqlonce

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/ingest/internal/batchkey"
	"github.com/fhirdock/fhirdock/jobs"
)

// prunePage is how many keys are removed in one transaction, so that concurrent claims
// don't wait for long.
const prunePage = 1000

// PruneFinished removes the keys that were claimed before a given time and whose batches
// can't be handed over again, and returns how many it removed. Run it once a day, for
// example, with a time some days ago. It removes a key if its job, in the store that the
// workers use,
//
//   - is completed or cancelled;
//   - has a later run with its own keys, because it was redriven after it completed, or
//     after none of its resources was accepted;
//   - is no longer in the store.
//
// It keeps the keys of jobs that wait or are being processed, and of failed jobs, because
// a redrive continues with the same keys: cancel a failed job, or remove its record, to
// have its keys removed. It also keeps keys that are not from package ingest, with or
// without a prefix; see [Keys.Prune].
//
// The time protects against suspended workers: one may still have a batch whose job
// another worker has completed since, and would make the effects again if the key were
// gone. So keys must be older than the longest suspension you expect; a day is plenty.
//
// The keys of a job that can't be read are kept, and the error is returned after all other
// keys were checked. Keys removed before an error stay removed.
func (k *Keys) PruneFinished(ctx context.Context, store jobs.Store, before time.Time) (int64, error) {
	if store == nil {
		return 0, errors.New("sqlonce: PruneFinished needs the job store")
	}
	var failed error
	ask := &finished{store: store, known: map[string]*jobs.Job{}}
	total, err := k.prune(ctx, before, func(key string) bool {
		done, err := ask.finished(ctx, key)
		if err != nil {
			failed = err
		}
		return done
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		err = fmt.Errorf("sqlonce: prune: %w", err)
	}
	return total, err
}

// Prune removes the keys that were claimed before a given time, regardless of their jobs,
// and returns how many it removed. Without its key, a redelivered batch makes its effects
// again, so the time must be before the creation of every unfinished job, and of every
// failed job that may be redriven. Prefer [Keys.PruneFinished], which checks that; Prune is
// for keys that are not from package ingest. Keys removed before an error stay removed.
func (k *Keys) Prune(ctx context.Context, before time.Time) (int64, error) {
	total, err := k.prune(ctx, before, func(string) bool { return true })
	if err != nil {
		err = fmt.Errorf("sqlonce: prune: %w", err)
	}
	return total, err
}

// finished looks up the jobs of keys in a store.
type finished struct {
	store jobs.Store
	known map[string]*jobs.Job // nil if there is none
}

// maxKnown bounds finished.known. Keys are read in order of age, so those of one job are
// close together.
const maxKnown = 1000

func (f *finished) finished(ctx context.Context, key string) (bool, error) {
	id, run, ok := batchkey.Parse(key)
	if !ok {
		return false, nil
	}
	job, ok := f.known[id]
	if !ok {
		var err error
		job, err = f.store.Get(ctx, id)
		if errors.Is(err, jobs.ErrNotFound) {
			job, err = nil, nil
		}
		if err != nil {
			return false, fmt.Errorf("read job %s: %w", id, err)
		}
		if len(f.known) == maxKnown {
			clear(f.known)
		}
		f.known[id] = job
	}
	if job == nil || job.Run > run {
		return true, nil
	}
	return job.State == jobs.Completed || job.State == jobs.Cancelled, nil
}

// prune removes the keys that were claimed before a time and for which done returns true.
func (k *Keys) prune(ctx context.Context, before time.Time, done func(key string) bool) (total int64, err error) {
	after, at := "", int64(-1)<<62
	for {
		keys, next, err := k.page(ctx, before, at, after)
		if err != nil {
			return total, err
		}
		if len(keys) == 0 {
			return total, nil
		}
		after, at = keys[len(keys)-1], next
		full := len(keys) == prunePage
		var gone []any
		for _, key := range keys {
			if done(key) {
				gone = append(gone, key)
			}
		}
		if err := ctx.Err(); err != nil {
			return total, err
		}
		if len(gone) > 0 {
			n, err := k.remove(ctx, before, gone)
			total += n
			if err != nil {
				return total, err
			}
		}
		if !full {
			return total, nil
		}
	}
}

// page returns the oldest keys after a given time and key, and the time of the last one.
func (k *Keys) page(ctx context.Context, before time.Time, at int64, after string) (keys []string, last int64, err error) {
	rows, err := k.db.QueryContext(ctx, k.statements.page, at, before.UnixMicro(), at, after, prunePage)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key, &last); err != nil {
			return nil, 0, err
		}
		keys = append(keys, key)
	}
	return keys, last, rows.Err()
}

// remove removes keys, unless they were claimed again since they were read.
func (k *Keys) remove(ctx context.Context, before time.Time, keys []any) (int64, error) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(keys)), ", ")
	query := rebind(k.dialect, "DELETE FROM fhirdock_once WHERE batch_key IN ("+marks+") AND claimed_at < ?")
	result, err := k.db.ExecContext(ctx, query, append(keys, before.UnixMicro())...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
