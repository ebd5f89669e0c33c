package sqljobs

import (
	"context"
	"fmt"

	"github.com/fhirdock/fhirdock/jobs"
)

// Count implements [jobs.Store].
func (s *Store) Count(ctx context.Context, organizationID string, state jobs.State, limit int) (n int, err error) {
	err = s.session(ctx, func(ctx context.Context, db querier) error {
		switch {
		case organizationID != "":
			return db.QueryRowContext(ctx, s.q.countOf, organizationID, string(state), limit).Scan(&n)
		case state == jobs.Accepted:
			return db.QueryRowContext(ctx, s.q.waiting, limit).Scan(&n)
		}
		return db.QueryRowContext(ctx, s.q.count, string(state), limit).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("sqljobs: count jobs: %w", err)
	}
	return min(n, limit), nil
}

// waitingQuery counts the accepted jobs in the two indexes that contain them, each up to a
// limit.
func (d dialect) waitingQuery() string {
	some := func(index, where string) string {
		return "(SELECT count(*) FROM (SELECT 1 FROM " + d.table(index) + " WHERE " + where + " LIMIT ?1) AS counted)"
	}
	return "SELECT " + some(readyIndex, ready) + " + " + some(laterIndex, later+" AND state = 'accepted'")
}

// countQuery counts the jobs in a state, up to a limit. It visits one organization after
// another in the index that starts with the organization and the state.
func (d dialect) countQuery() string {
	next := func(where string) string {
		return "SELECT (SELECT organization_id FROM " + d.table(stateIndex) + where + " ORDER BY organization_id LIMIT 1)"
	}
	orgs := next("") + " UNION ALL " + next(" WHERE organization_id > orgs.org") + " FROM orgs WHERE org IS NOT NULL"
	of := " WHERE organization_id = orgs.org AND state = ?1"
	some := d.table(stateIndex) + of
	if d == dialectPostgreSQL {
		some = "LATERAL (SELECT 1 FROM " + some + " LIMIT ?2) AS found"
	}
	return "WITH RECURSIVE orgs (org) AS (" + orgs + ") SELECT count(*) FROM (SELECT 1 FROM orgs CROSS JOIN " + some + " LIMIT ?2) AS counted"
}
