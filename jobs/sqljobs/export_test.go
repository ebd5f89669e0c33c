package sqljobs

import (
	"context"
	"database/sql"
	"path"
	"runtime"
	"strings"

	"github.com/fhirdock/fhirdock/internal/sqlsession"
	"github.com/fhirdock/fhirdock/jobs"
)

// BulkGroupsForTest exports bulkGroups.
const BulkGroupsForTest = bulkGroups

// Dialect and its values, for tests that write what a database gets.
type Dialect = dialect

const (
	SQLite     = dialectSQLite
	PostgreSQL = dialectPostgreSQL
)

// QueriesForTest returns the frequent queries.
func QueriesForTest(d dialect) map[string]string {
	q := queriesFor(d)
	return map[string]string{"create": q.create, "get": q.get, "update": q.update, "due": q.due, "list": q.list, "list state": q.listState, "delete": q.remove, "organizations": q.organizations,
		"count": q.count, "count of": q.countOf, "waiting": q.waiting}
}

// HoldForTest keeps groups from starting on PostgreSQL until resume is called. waiting
// returns how many calls wait.
func (s *Store) HoldForTest() (waiting func() int, resume func()) {
	p := s.one.(*postgreSQL)
	p.creates.hold()
	p.updates.hold()
	p.gets.hold()
	p.deletes.hold()
	waiting = func() int { return p.creates.count() + p.updates.count() + p.gets.count() + p.deletes.count() }
	return waiting, func() {
		p.creates.resume()
		p.updates.resume()
		p.gets.resume()
		p.deletes.resume()
	}
}

// hold waits for running groups and then keeps others from starting until resume is called,
// as if the maximum were running.
func (g *gatherer[A, R]) hold() {
	for {
		g.mu.Lock()
		if g.running == 0 {
			g.running = g.groups
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		runtime.Gosched()
	}
}

func (g *gatherer[A, R]) resume() {
	for range g.groups { // hold counted them as running
		go g.run(context.Background())
	}
}

func (g *gatherer[A, R]) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting.Len()
}

// LockForTest takes the lock for migrations on PostgreSQL.
func LockForTest(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+advisoryKey+")")
	return err
}

// UnlockForTest releases the lock.
func UnlockForTest(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+advisoryKey+")")
	return err
}

// NextQueryForTest exports nextQuery.
func NextQueryForTest(d dialect, order jobs.Order, one bool) string {
	return nextQuery(d, order, one, "")
}

// SQLStateForTest exports sqlState.
func SQLStateForTest(err error) string { return sqlsession.SQLState(err) }

// MigrationForTest returns the statements of a migration, up or down.
func MigrationForTest(d dialect, version int, down bool) (string, error) {
	folder := path.Join("migrations", string(d))
	files, err := migrations.ReadDir(folder)
	if err != nil {
		return "", err
	}
	text, err := migrations.ReadFile(path.Join(folder, files[version-1].Name()))
	up, back, _ := strings.Cut(string(text), "-- +goose Down")
	if down {
		return back, err
	}
	return up, err
}
