package sqljobs

import (
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
// is under way share the next one. Whoever waits longest runs it for the others,
// so there is no goroutine to end.
type committer struct {
	db   *sql.DB
	turn chan struct{} // held by the one who runs a transaction

	mu      sync.Mutex
	waiting []*write
}

// write is a statement and what became of it.
type write struct {
	query string
	args  []any
	done  chan struct{} // closed once n and err are set
	n     int64         // rows changed
	err   error
}

func newCommitter(db *sql.DB) *committer {
	return &committer{db: db, turn: make(chan struct{}, 1)}
}

// exec runs a statement and returns how many rows it changed, once that is
// durable. Where ctx ends first, it was either not run or it is not known what
// became of it.
func (c *committer) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	w := &write{query: query, args: args, done: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, w)
	c.mu.Unlock()
	for {
		select {
		case <-w.done:
			return w.n, w.err
		case <-ctx.Done():
			c.withdraw(w)
			return 0, ctx.Err()
		case c.turn <- struct{}{}:
			// Those whose statements are in it wait for this transaction, so it
			// does not end with the context of one.
			c.run(context.WithoutCancel(ctx), c.take())
			<-c.turn
		}
	}
}

// take returns the statements that wait longest.
func (c *committer) take() []*write {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), maxGroup)
	group := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return group
}

// withdraw takes back a statement that nobody has taken yet.
func (c *committer) withdraw(w *write) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.waiting {
		if other == w {
			c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
			return
		}
	}
}

// run runs a group in one transaction. If a statement fails they are run one by
// one, so that none fails for another's sake.
func (c *committer) run(ctx context.Context, group []*write) {
	if len(group) > 1 && c.together(ctx, group) {
		return
	}
	for _, w := range group {
		w.n, w.err = changed(c.db.ExecContext(ctx, w.query, w.args...))
		close(w.done)
	}
}

// together runs a group; false where nothing of it was done.
func (c *committer) together(ctx context.Context, group []*write) bool {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return false
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
	for _, w := range group {
		w.err = err
		close(w.done)
	}
	return true
}

func changed(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
