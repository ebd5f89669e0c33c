package sqljobs

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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

// asked starts a statement in a goroutine and returns once it waits.
func asked(c *committer, wg *sync.WaitGroup, ctx context.Context, query string, args ...any) (n *int64, err *error) {
	n, err = new(int64), new(error)
	c.mu.Lock()
	before := c.waiting.Len()
	c.mu.Unlock()
	wg.Go(func() { *n, *err = c.exec(ctx, query, args...) })
	for {
		c.mu.Lock()
		now := c.waiting.Len()
		c.mu.Unlock()
		if now > before {
			return n, err
		}
	}
}

// A statement that fails in a group fails alone.
func TestGroupWithFailingStatement(t *testing.T) {
	c, db := committing(t)
	c.hold() // as if a transaction were in progress
	var wg sync.WaitGroup
	ctx := t.Context()
	first, firstErr := asked(c, &wg, ctx, "INSERT INTO t VALUES (1)")
	_, badErr := asked(c, &wg, ctx, "INSERT INTO none VALUES (1)")
	last, lastErr := asked(c, &wg, ctx, "INSERT INTO t VALUES (2), (3)")
	again, againErr := asked(c, &wg, ctx, "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING")
	c.resume()
	wg.Wait()
	require.NoError(t, *firstErr)
	require.Error(t, *badErr)
	require.NoError(t, *lastErr)
	require.NoError(t, *againErr)
	require.Equal(t, []int64{1, 2, 0}, []int64{*first, *last, *again})
	require.Equal(t, 3, rows(t, db))
}

// A statement whose caller gives up before its turn is not run; the others of its group
// are.
func TestGroupWithCancelledStatement(t *testing.T) {
	c, db := committing(t)
	c.hold()
	var wg sync.WaitGroup
	var hasty sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	_, gaveUp := asked(c, &hasty, ctx, "INSERT INTO t VALUES (1)")
	_, stayed := asked(c, &wg, t.Context(), "INSERT INTO t VALUES (2)")
	cancel()
	hasty.Wait()
	c.resume()
	wg.Wait()
	require.ErrorIs(t, *gaveUp, context.Canceled)
	require.NoError(t, *stayed)
	require.Equal(t, 1, rows(t, db))
}

func TestManyInGroups(t *testing.T) {
	c, db := committing(t)
	var wg sync.WaitGroup
	const writers, each = 16, 3 * maxGroup / 16
	c.hold()
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
	c.resume()
	wg.Wait()
	require.Equal(t, writers*each, rows(t, db))
	require.Zero(t, c.waiting.Len())
}

// A group waits for a lock once, not once for each statement, and no caller waits longer
// than its context allows.
func TestGroupWaitsForLock(t *testing.T) {
	dsn := strings.Replace(SQLiteDSN(filepath.Join(t.TempDir(), "c.db")), "busy_timeout%2810000%29", "busy_timeout%28500%29", 1)
	require.Contains(t, dsn, "500")
	db, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY)")
	require.NoError(t, err)
	lock, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)

	c := newCommitter(db)
	hasty, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = c.exec(hasty, "INSERT INTO t VALUES (0)") // it starts the transaction
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 400*time.Millisecond)

	var wg sync.WaitGroup
	const writers = 20
	errs := make([]*error, writers)
	c.hold()
	for i := range writers {
		_, errs[i] = asked(c, &wg, t.Context(), "INSERT INTO t VALUES (?)", i)
	}
	c.resume()
	wg.Wait()
	require.Less(t, time.Since(began), 5*time.Second, "one by one they would wait for 10 seconds")
	for _, err := range errs {
		require.ErrorContains(t, *err, "locked")
	}
	require.NoError(t, lock.Rollback())
	n, err := c.exec(t.Context(), "INSERT INTO t VALUES (1)")
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, rows(t, db))
}

// Giving up costs the same however many calls wait.
func TestManyCancelledCalls(t *testing.T) {
	c, _ := committing(t)
	c.hold()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	const waiting = 20_000
	for range waiting {
		wg.Go(func() { _, _ = c.exec(ctx, "INSERT INTO t VALUES (1)") })
	}
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.waiting.Len() == waiting
	}, 20*time.Second, time.Millisecond)
	began := time.Now()
	cancel()
	wg.Wait()
	require.Less(t, time.Since(began), 10*time.Second)
	require.Zero(t, c.waiting.Len())
}
