package sqljobs

import (
	"context"
	"database/sql"
	"runtime"

	"github.com/fhirdock/fhirdock/jobs"
)

// BulkGroupsForTest is how many groups of a kind are under way at most.
const BulkGroupsForTest = bulkGroups

// QueriesForTest are the queries that are asked again and again.
func QueriesForTest(d Dialect) map[string]string {
	q := queriesFor(d)
	return map[string]string{"create": q.create, "get": q.get, "update": q.update, "due": q.due, "list": q.list, "list state": q.listState}
}

// HoldForTest lets no group begin on PostgreSQL, until resume is called. waiting is
// how many calls wait.
func (s *Store) HoldForTest() (waiting func() int, resume func()) {
	p := s.one.(*postgreSQL)
	p.creates.hold()
	p.updates.hold()
	p.gets.hold()
	waiting = func() int { return p.creates.count() + p.updates.count() + p.gets.count() }
	return waiting, func() {
		p.creates.resume()
		p.updates.resume()
		p.gets.resume()
	}
}

// hold lets no group begin until resume is called, as if all were under way. It
// waits for those that are.
func (g *gatherer[A, R]) hold() {
	for {
		g.mu.Lock()
		if g.under == 0 {
			g.under = g.groups
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		runtime.Gosched()
	}
}

func (g *gatherer[A, R]) resume() {
	for range g.groups { // their places are taken over
		go g.run(context.Background())
	}
}

func (g *gatherer[A, R]) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting.Len()
}

// LockForTest and UnlockForTest are what a process does that migrates PostgreSQL.
func LockForTest(ctx context.Context, conn *sql.Conn) error {
	return advisoryLock{}.SessionLock(ctx, conn)
}

// UnlockForTest gives the lock back.
func UnlockForTest(ctx context.Context, conn *sql.Conn) error {
	return advisoryLock{}.SessionUnlock(ctx, conn)
}

// HeadsQueryForTest is a query of heads; see headsQuery for its parameters.
func HeadsQueryForTest(d Dialect, s jobs.Standing, one bool) string { return headsQuery(d, s, one) }
