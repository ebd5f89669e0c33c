package sqljobs

import (
	"context"
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// beginPlanned begins a transaction in which statements are planned once for a
// connection: planning the query of next jobs takes several times as long as running it.
// A plan that is kept must do when the table has grown, so it may read indexes only. It is
// one round trip, where database/sql would make two.
const beginPlanned = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"

// rollbackTimeout bounds a rollback that the caller's context does not.
const rollbackTimeout = time.Second

// planned calls do in a transaction, and commits it if do says so and nothing failed.
func planned(ctx context.Context, db querier, do func() (commit bool, err error)) error {
	_, err := db.ExecContext(ctx, beginPlanned)
	commit := false
	if err == nil {
		commit, err = do()
	}
	if err == nil && commit {
		if _, err = db.ExecContext(ctx, "COMMIT"); err == nil {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, failed := db.ExecContext(ctx, "ROLLBACK"); failed != nil {
		err = errors.Join(err, errOpen)
	}
	return err
}

// lockNext claims jobs on PostgreSQL in one transaction that locks them, and passes over
// those that others have locked: workers that ask at the same time get different jobs.
func (s *Store) lockNext(ctx context.Context, db querier, q jobs.NextQuery) (claimed []*jobs.Job, err error) {
	var unreadable error
	err = planned(ctx, db, func() (bool, error) {
		found, err := s.findNext(ctx, db, q, " FOR NO KEY UPDATE SKIP LOCKED")
		if err != nil && !errors.Is(err, jobs.ErrRecord) {
			return false, err
		}
		unreadable = err
		var rows []row
		for _, job := range found {
			if q.Claim(job) != nil {
				continue
			}
			args, err := updateRow(job)
			if err != nil {
				return false, err
			}
			rows, claimed = append(rows, args), append(claimed, job)
		}
		if len(rows) == 0 {
			return false, nil
		}
		changed, err := db.ExecContext(ctx, s.q.update, arraysOf(rows)...)
		if err != nil {
			return false, err
		}
		if n, err := changed.RowsAffected(); err != nil || int(n) != len(rows) {
			return false, errors.Join(err, errors.New("a job that was locked was changed"))
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	for _, job := range claimed {
		job.Revision++
	}
	return claimed, unreadable
}
