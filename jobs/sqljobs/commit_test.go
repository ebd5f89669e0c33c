package sqljobs

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

func committing(t *testing.T) (*committer, *sql.DB) {
	t.Helper()
	db, err := sql.Open("sqlite", SQLiteDSN(filepath.Join(t.TempDir(), "c.db")))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY)")
	require.NoError(t, err)
	return newCommitter(db), db
}

func rows(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT count(*) FROM t").Scan(&n))
	return n
}

// asked starts a statement and returns once it waits.
func asked(c *committer, wg *sync.WaitGroup, ctx context.Context, query string, args ...any) (n *int64, err *error) {
	n, err = new(int64), new(error)
	c.mu.Lock()
	before := len(c.waiting)
	c.mu.Unlock()
	wg.Go(func() { *n, *err = c.exec(ctx, query, args...) })
	for {
		c.mu.Lock()
		now := len(c.waiting)
		c.mu.Unlock()
		if now > before {
			return n, err
		}
	}
}

// What fails in a group fails alone.
func TestGroupWithAFault(t *testing.T) {
	c, db := committing(t)
	c.turn <- struct{}{} // a transaction is under way
	var wg sync.WaitGroup
	ctx := t.Context()
	first, firstErr := asked(c, &wg, ctx, "INSERT INTO t VALUES (1)")
	_, badErr := asked(c, &wg, ctx, "INSERT INTO none VALUES (1)")
	last, lastErr := asked(c, &wg, ctx, "INSERT INTO t VALUES (2), (3)")
	again, againErr := asked(c, &wg, ctx, "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING")
	<-c.turn
	wg.Wait()
	require.NoError(t, *firstErr)
	require.Error(t, *badErr)
	require.NoError(t, *lastErr)
	require.NoError(t, *againErr)
	require.Equal(t, []int64{1, 2, 0}, []int64{*first, *last, *again})
	require.Equal(t, 3, rows(t, db))
}

// One that gives up before its turn is not run; those beside it are.
func TestGroupWithoutTheOneThatGaveUp(t *testing.T) {
	c, db := committing(t)
	c.turn <- struct{}{}
	var wg sync.WaitGroup
	var hasty sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	_, gaveUp := asked(c, &hasty, ctx, "INSERT INTO t VALUES (1)")
	_, stayed := asked(c, &wg, t.Context(), "INSERT INTO t VALUES (2)")
	cancel()
	hasty.Wait()
	<-c.turn
	wg.Wait()
	require.ErrorIs(t, *gaveUp, context.Canceled)
	require.NoError(t, *stayed)
	require.Equal(t, 1, rows(t, db))
}

func TestManyInGroups(t *testing.T) {
	c, db := committing(t)
	var wg sync.WaitGroup
	const writers, each = 16, 3 * maxGroup / 16
	c.turn <- struct{}{}
	for w := range writers {
		for i := range each {
			wg.Go(func() {
				n, err := c.exec(t.Context(), "INSERT INTO t VALUES (?)", w*each+i)
				if err != nil || n != 1 {
					t.Error(fmt.Sprint(n, " ", err))
				}
			})
		}
	}
	<-c.turn
	wg.Wait()
	require.Equal(t, writers*each, rows(t, db))
	require.Empty(t, c.waiting)
}
