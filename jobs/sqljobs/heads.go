package sqljobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/fhirdock/fhirdock/jobs"
)

var _ jobs.Scheduler = (*Store)(nil)

// The conditions of the partial indexes, word for word: an index answers only
// what its own condition follows from.
const (
	unfinished = "state IN ('accepted', 'processing')"
	waiting    = unfinished + " AND state = 'accepted'"

	headsIndex  = "fhirdock_jobs_heads"
	failedIndex = "fhirdock_jobs_failed"
)

// table with the index that is to answer: SQLite would rather take one that pins
// the state, and pass over what was refused before it was begun.
func (d Dialect) table(index string) string {
	if d == PostgreSQL {
		return "fhirdock_jobs"
	}
	return "fhirdock_jobs INDEXED BY " + index
}

func (d Dialect) begunAndFailed() string {
	started := "json_extract(record, '$.StartedAt')"
	if d == PostgreSQL {
		started = "(record::json ->> 'StartedAt')"
	}
	return "state = 'failed' AND " + started + " <> '0001-01-01T00:00:00Z'"
}

// headsQuery is the text of the query of heads. Its parameters are the
// organization, or the one that the others come behind and how many there are at
// most; then how many jobs of each there are, once for each part of the line.
func headsQuery(d Dialect, s jobs.Standing, one bool) string {
	stands := unfinished
	if s == jobs.Waiting {
		stands = waiting
	}
	first := func(where string) string {
		return "(SELECT organization_id FROM " + d.table(headsIndex) + " WHERE " + stands + " AND organization_id " + where +
			" ORDER BY organization_id, created_at, id LIMIT 1)"
	}
	// From one organization to the next, and never over the jobs of one.
	orgs := "WITH RECURSIVE orgs (org, n) AS (SELECT " + first("> ?") + ", 1 UNION ALL SELECT " + first("> orgs.org") +
		", n + 1 FROM orgs WHERE org IS NOT NULL AND n < ?)"
	if one {
		orgs = "WITH orgs (org) AS (SELECT " + first("= ?") + ")"
	}
	query := orgs + d.eachHead(headsIndex, stands)
	if s == jobs.Unsettled {
		query += " UNION ALL" + d.eachHead(failedIndex, d.begunAndFailed())
	}
	return d.rebind(query)
}

// eachHead selects the oldest jobs of each organization, without an order.
func (d Dialect) eachHead(index, where string) string {
	const oldest = " WHERE organization_id = orgs.org AND "
	const order = " ORDER BY created_at, id LIMIT ?"
	if d == PostgreSQL {
		return " SELECT h.* FROM orgs CROSS JOIN LATERAL (SELECT " + columns + " FROM " + d.table(index) + oldest + where + order + ") h"
	}
	// CROSS keeps SQLite from beginning with the jobs.
	return " SELECT " + columns + " FROM orgs CROSS JOIN fhirdock_jobs j ON j.rowid IN (SELECT rowid FROM " + d.table(index) + oldest + where + order + ")"
}

// Heads implements [jobs.Scheduler].
func (s *Store) Heads(ctx context.Context, q jobs.HeadsQuery) ([]*jobs.Job, error) {
	organizations, each := q.Bounds()
	args := []any{q.After, organizations, each}
	one := q.OrganizationID != ""
	if one {
		args = []any{q.OrganizationID, each}
	}
	if q.Standing == jobs.Unsettled {
		args = append(args, each)
	}
	found, err := s.query(ctx, headsQuery(s.dialect, q.Standing, one), args...)
	if err != nil {
		err = fmt.Errorf("sqljobs: read heads: %w", err)
	}
	slices.SortFunc(found, func(a, b *jobs.Job) int {
		return cmp.Or(cmp.Compare(a.OrganizationID, b.OrganizationID), jobs.CursorOf(a).Compare(jobs.CursorOf(b)))
	})
	// The two parts of a line are more than each, together.
	org, n := "", 0
	return slices.DeleteFunc(found, func(j *jobs.Job) bool {
		if j.OrganizationID != org {
			org, n = j.OrganizationID, 0
		}
		n++
		return n > each
	}), err
}
