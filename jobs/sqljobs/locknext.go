package sqljobs

import (
	"context"
	"errors"

	"github.com/fhirdock/fhirdock/jobs"
)

// lockNext claims jobs on PostgreSQL in one transaction that locks them, and passes over
// those that others have locked: workers that ask at the same time get different jobs.
func (s *Store) lockNext(ctx context.Context, db querier, q jobs.NextQuery) (claimed []*jobs.Job, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // nothing, after the commit
	found, unreadable := s.findNext(ctx, tx, q, " FOR NO KEY UPDATE SKIP LOCKED")
	if unreadable != nil && !errors.Is(unreadable, jobs.ErrRecord) {
		return nil, unreadable
	}
	var rows []row
	for _, job := range found {
		if q.Claim(job) != nil {
			continue
		}
		args, err := updateRow(job)
		if err != nil {
			return nil, err
		}
		rows, claimed = append(rows, args), append(claimed, job)
	}
	if len(rows) == 0 {
		return nil, unreadable
	}
	changed, err := tx.ExecContext(ctx, s.q.update, arraysOf(rows)...)
	if err != nil {
		return nil, err
	}
	if n, err := changed.RowsAffected(); err != nil || int(n) != len(rows) {
		return nil, errors.Join(err, errors.New("a job that was locked was changed"))
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	for _, job := range claimed {
		job.Revision++
	}
	return claimed, unreadable
}
