package sqljobs

import (
	"container/list"
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// maxGroup bounds the statements of one transaction, and with it what a commit
// that fails takes with it.
const maxGroup = 256

// committer runs statements that write to SQLite, which has one writer at a time
// and syncs its log for each transaction: statements that come while a transaction
// is under way share the next one. One of those who wait begins it; it goes on
// without them, and nothing runs where nobody waits.
type committer struct {
	db   *sql.DB
	turn chan struct{} // held while a transaction is under way

	mu      sync.Mutex
	waiting *list.List // of *write, the longest waiting first
}

// write is a statement and what became of it.
type write struct {
	ctx   context.Context // of the one who waits
	query string
	args  []any
	done  chan struct{} // closed once n and err are set
	n     int64         // rows changed
	err   error
}

func newCommitter(db *sql.DB) *committer {
	return &committer{db: db, turn: make(chan struct{}, 1), waiting: list.New()}
}

// exec runs a statement and returns how many rows it changed, once that is
// durable. It returns when ctx ends; the statement was then either not run, or it
// is not known what became of it.
func (c *committer) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	w := &write{ctx: ctx, query: query, args: args, done: make(chan struct{})}
	c.mu.Lock()
	place := c.waiting.PushBack(w)
	c.mu.Unlock()
	for {
		select {
		case <-w.done:
			return w.n, w.err
		case <-ctx.Done():
			c.mu.Lock()
			c.waiting.Remove(place) // nothing, if it was taken
			c.mu.Unlock()
			return 0, ctx.Err()
		case c.turn <- struct{}{}:
			// Others wait for this transaction, so it does not end with this
			// context; and it may wait for a lock, so this one does not wait for
			// more than its own context allows.
			go func() {
				defer func() { <-c.turn }()
				c.run(context.WithoutCancel(ctx), c.take())
			}()
		}
	}
}

// take returns the statements that wait longest.
func (c *committer) take() []*write {
	c.mu.Lock()
	defer c.mu.Unlock()
	group := make([]*write, 0, min(c.waiting.Len(), maxGroup))
	for len(group) < cap(group) {
		group = append(group, c.waiting.Remove(c.waiting.Front()).(*write))
	}
	return group
}

// run runs a group in one transaction. If a statement fails they are run one by
// one, so that none fails for another's sake.
func (c *committer) run(ctx context.Context, group []*write) {
	if len(group) > 1 && c.together(ctx, group) {
		return
	}
	for _, w := range group {
		if w.err = w.ctx.Err(); w.err == nil { // otherwise nobody waits for it any more
			w.n, w.err = changed(c.db.ExecContext(ctx, w.query, w.args...))
		}
		close(w.done)
	}
}

// together runs a group; false where a statement failed, and nothing was done.
func (c *committer) together(ctx context.Context, group []*write) bool {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		// No statement's fault, such as a lock that another process holds: each
		// by itself would wait for it as long again.
		answer(group, fmt.Errorf("begin: %w", err))
		return true
	}
	for _, w := range group {
		if w.n, err = changed(tx.ExecContext(ctx, w.query, w.args...)); err != nil {
			_ = tx.Rollback() // what it did not do stays undone either way
			return false
		}
	}
	if err = tx.Commit(); err != nil {
		err = fmt.Errorf("commit: %w", err)
	}
	answer(group, err)
	return true
}

// answer tells all who wait for a group the same.
func answer(group []*write, err error) {
	for _, w := range group {
		w.err = err
		close(w.done)
	}
}

func changed(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
