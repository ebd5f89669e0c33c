package sqljobs

import (
	"context"
	"fmt"
)

// Waiting implements [jobs.Store].
func (s *Store) Waiting(ctx context.Context, organizationID string, limit int) (n int, err error) {
	err = s.session(ctx, func(ctx context.Context, db querier) error {
		if organizationID == "" {
			return db.QueryRowContext(ctx, s.q.waiting, limit).Scan(&n)
		}
		return db.QueryRowContext(ctx, s.q.waitingOf, organizationID, limit).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("sqljobs: count waiting jobs: %w", err)
	}
	return min(n, limit), nil
}

// waitingQuery counts the accepted jobs in their two indexes, up to a limit in each.
func (d Dialect) waitingQuery(of, limit string) string {
	some := func(index, where string) string {
		return "(SELECT count(*) FROM (SELECT 1 FROM " + d.table(index) + " WHERE " + where + of + " LIMIT " + limit + ") AS counted)"
	}
	return "SELECT " + some(readyIndex, ready) + " + " + some(laterIndex, later+" AND state = 'accepted'")
}
