package sqljobs

import (
	"context"
	"database/sql"
	"fmt"
)

// statement of SQL.
type statement struct {
	query string
	args  []any
}

// committer runs statements that write to SQLite, which has one writer at a time
// and syncs its log for each transaction: statements that come while a transaction
// is under way share the next one.
type committer struct {
	*gatherer[statement, int64]
	db *sql.DB
}

func newCommitter(db *sql.DB) *committer {
	c := &committer{db: db}
	c.gatherer = gather(1, nil, c.run)
	return c
}

// exec runs a statement and returns how many rows it changed, once that is durable.
func (c *committer) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return c.call(ctx, statement{query, args})
}

// run runs a group in one transaction. If a statement fails they are run one by
// one, so that none fails for another's sake.
func (c *committer) run(ctx context.Context, group []*call[statement, int64]) {
	if len(group) > 1 && c.together(ctx, group) {
		return
	}
	for _, w := range group {
		if err := w.ctx.Err(); err != nil { // nobody waits for it any more
			w.answer(0, err)
			continue
		}
		w.answer(changed(c.db.ExecContext(ctx, w.arg.query, w.arg.args...)))
	}
}

// together runs a group; false where a statement failed, and nothing was done.
func (c *committer) together(ctx context.Context, group []*call[statement, int64]) bool {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		// No statement's fault, such as a lock that another process holds: each
		// by itself would wait for it as long again.
		failed(group, fmt.Errorf("begin: %w", err))
		return true
	}
	rows := make([]int64, len(group))
	for i, w := range group {
		if rows[i], err = changed(tx.ExecContext(ctx, w.arg.query, w.arg.args...)); err != nil {
			_ = tx.Rollback() // what it did not do stays undone either way
			return false
		}
	}
	if err = tx.Commit(); err != nil {
		failed(group, fmt.Errorf("commit: %w", err))
		return true
	}
	for i, w := range group {
		w.answer(rows[i], nil)
	}
	return true
}

// failed tells all who wait for a group the same.
func failed[A, R any](group []*call[A, R], err error) {
	for _, w := range group {
		var none R
		w.answer(none, err)
	}
}

func changed(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
