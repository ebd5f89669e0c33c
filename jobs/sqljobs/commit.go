package sqljobs

import (
	"context"
	"database/sql"
	"fmt"
)

// statement is a SQL statement with its arguments.
type statement struct {
	query string
	args  []any
}

// committer runs statements that write to SQLite. SQLite has one writer at a time and
// syncs its log for each transaction, so statements that arrive during a transaction share
// the next one.
type committer struct {
	*gatherer[statement, int64]
	db *sql.DB
}

func newCommitter(db *sql.DB) *committer {
	c := &committer{db: db}
	c.gatherer = gather(1, nil, c.run)
	return c
}

// exec runs a statement. It returns the number of changed rows once they are durable.
func (c *committer) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return c.call(ctx, statement{query, args})
}

// run runs a group in one transaction. If a statement fails, it runs them one by one, so
// that none fails because of another.
func (c *committer) run(ctx context.Context, group []*call[statement, int64]) {
	if len(group) > 1 && c.together(ctx, group) {
		return
	}
	for _, w := range group {
		if err := w.ctx.Err(); err != nil { // the caller has given up
			w.answer(0, err)
			continue
		}
		w.answer(changed(c.db.ExecContext(ctx, w.arg.query, w.arg.args...)))
	}
}

// together runs a group in one transaction. It returns false if a statement failed and
// nothing was done.
func (c *committer) together(ctx context.Context, group []*call[statement, int64]) bool {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		// Not because of a statement, but a lock for example. One by one, each would
		// wait for it just as long.
		failAll(group, fmt.Errorf("begin: %w", err))
		return true
	}
	rows := make([]int64, len(group))
	for i, w := range group {
		if rows[i], err = changed(tx.ExecContext(ctx, w.arg.query, w.arg.args...)); err != nil {
			_ = tx.Rollback() // if it fails, nothing is committed either
			return false
		}
	}
	if err = tx.Commit(); err != nil {
		failAll(group, fmt.Errorf("commit: %w", err))
		return true
	}
	for i, w := range group {
		w.answer(rows[i], nil)
	}
	return true
}

// failAll answers all calls of a group with an error.
func failAll[A, R any](group []*call[A, R], err error) {
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
