package sqljobs

import (
	"context"
	"errors"
	"time"

	"github.com/fhirdock/fhirdock/internal/sqlsession"
	"github.com/fhirdock/fhirdock/jobs"
)

// beginPlanned begins a transaction in which the connection reuses plans: planning the
// query of next jobs takes several times as long as running it. A reused plan must still
// be good when the table has grown, so it may only use indexes. It is one round trip;
// database/sql would make two.
const beginPlanned = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"

// rollbackTimeout bounds a rollback, which ignores the caller's context.
const rollbackTimeout = time.Second

// planned calls do in a transaction, and commits it if do returns true and no error.
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
		err = errors.Join(err, sqlsession.ErrOpen)
	}
	return err
}

// lockNext claims jobs on PostgreSQL in one transaction that locks them. It skips locked
// jobs, so that concurrent workers get different ones.
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
			return false, errors.Join(err, errors.New("a locked job was changed"))
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
