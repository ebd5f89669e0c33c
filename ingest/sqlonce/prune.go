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

// prunePage is how many keys are removed in one transaction, so that claims made
// meanwhile don't wait for long.
const prunePage = 1000

// PruneFinished removes the keys whose batches can't be handed over again and that
// were claimed before a time, and returns how many. Run it once a day, say, with a time
// some days ago. A key goes if its job, by the store that the workers use,
//
//   - is completed or cancelled;
//   - has a later run, which a redrive of a completed job begins, or of one that begins
//     anew, and which has keys of its own;
//   - is not in the store any more.
//
// A key stays while its job waits or is being worked on, and after it failed, since a
// redrive of a failed job goes on with the same keys, however late: cancel such a job,
// or remove its record, to let its keys go. It stays too if it is not ingest's key, with
// or without a prefix; see [Keys.Prune].
//
// The time guards against a worker that stood still for long: it may have a batch in
// hand whose job another one has completed meanwhile, and would make its effects a
// second time once the key is gone. Its lease had ended when the key was claimed, so no
// worker that stands still for less than the key's age does so. A day is plenty: the
// longest that a process of yours may be suspended and go on.
//
// A job that can't be read keeps its keys, and the error is returned after the others
// were looked at. What was removed before an error stays removed.
func (k *Keys) PruneFinished(ctx context.Context, store jobs.Store, before time.Time) (int64, error) {
	if store == nil {
		return 0, errors.New("sqlonce: PruneFinished needs the store of the jobs")
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

// Prune removes the keys that were claimed before a time, whatever became of their
// jobs, and returns how many. Without its key a batch that is handed over again makes
// its effects again: the time must be before the creation of every job that is not
// finished and of every failed one that anybody may redrive. [Keys.PruneFinished] sees
// to that by itself; this is for keys that are not ingest's. What was removed before an
// error stays removed.
func (k *Keys) Prune(ctx context.Context, before time.Time) (int64, error) {
	total, err := k.prune(ctx, before, func(string) bool { return true })
	if err != nil {
		err = fmt.Errorf("sqlonce: prune: %w", err)
	}
	return total, err
}

// finished asks a store for the jobs of keys.
type finished struct {
	store jobs.Store
	known map[string]*jobs.Job // nil if it is not there
}

// maxKnown bounds the jobs that are remembered: keys come in the order of their age, in
// which those of one job are close together.
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

// prune removes the keys that were claimed before a time and are to go.
func (k *Keys) prune(ctx context.Context, before time.Time, goes func(key string) bool) (total int64, err error) {
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
			if goes(key) {
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

// page returns the oldest keys after a place, and the time of the last of them.
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

// remove removes keys, unless they were claimed anew since they were read.
func (k *Keys) remove(ctx context.Context, before time.Time, keys []any) (int64, error) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(keys)), ", ")
	query := k.dialect.rebind("DELETE FROM fhirdock_once WHERE batch_key IN (" + marks + ") AND claimed_at < ?")
	result, err := k.db.ExecContext(ctx, query, append(keys, before.UnixMicro())...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
