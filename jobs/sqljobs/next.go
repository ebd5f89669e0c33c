package sqljobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// maxSkipped is how many records of an organization may be skipped without hiding later
// ones: unreadable records, and jobs that are not ready although their columns say so,
// because earlier versions do not set not_before.
const maxSkipped = 64

// Next implements [jobs.Store].
func (s *Store) Next(ctx context.Context, q jobs.NextQuery) (next []*jobs.Job, err error) {
	locks := s.dialect == dialectPostgreSQL && q.Claim != nil && q.Order == jobs.Unordered
	err = s.session(ctx, func(ctx context.Context, db querier) (err error) {
		if locks {
			next, err = s.lockNext(ctx, db, q)
		} else {
			next, err = s.findNext(ctx, db, q, "")
		}
		return err
	})
	if !locks && (err == nil || errors.Is(err, jobs.ErrRecord)) {
		var failed error
		next, failed = jobs.ClaimNext(ctx, s, q, next, s.alone)
		err = cmp.Or(failed, err)
	}
	if err != nil {
		err = fmt.Errorf("sqljobs: next jobs: %w", err)
	}
	return next, err
}

// alone reports whether no other job of the organization is being processed.
func (s *Store) alone(ctx context.Context, job *jobs.Job) (alone bool, err error) {
	err = s.session(ctx, func(ctx context.Context, db querier) error {
		var others int
		err := db.QueryRowContext(ctx, s.q.others, job.OrganizationID, job.ID).Scan(&others)
		alone = err == nil && others == 0
		return err
	})
	return alone, err
}

// findNext walks along the organizations and returns the next jobs without claiming them.
// lock is the locking clause of the query.
func (s *Store) findNext(ctx context.Context, db selecter, q jobs.NextQuery, lock string) (next []*jobs.Job, unreadable error) {
	limit, each := q.Bounds()
	single := nextQuery(s.dialect, q.Order, true, lock)
	query, from, until := nextQuery(s.dialect, q.Order, false, lock), q.After, ""
	if q.OrganizationID != "" {
		query, from = single, q.OrganizationID
	}
	for {
		rowLimit := limit - len(next) + each - 1 // so that the last organization is complete
		rows, err := scanned(ctx, db, scanStored, query, from, until, each, q.Now.UnixMicro(), rowLimit)
		if err != nil {
			return nil, err
		}
		found, retry, err := usable(rows, q.Now)
		unreadable = cmp.Or(unreadable, err)
		full := len(rows) == rowLimit
		if full {
			if from = rows[rowLimit-1].organization; len(retry) > 0 {
				retry = append(retry, from)
			}
		}
		for _, org := range slices.Compact(retry) {
			rows, err := scanned(ctx, db, scanStored, single, org, "", each+maxSkipped, q.Now.UnixMicro(), each+maxSkipped)
			if err != nil {
				return nil, err
			}
			of, _, err := usable(rows, q.Now)
			unreadable = cmp.Or(unreadable, err)
			found = slices.DeleteFunc(found, func(j *jobs.Job) bool { return j.OrganizationID == org })
			found = append(found, of[:min(each, len(of))]...)
		}
		jobs.SortNext(found)
		next = append(next, found[:min(limit-len(next), len(found))]...)
		switch {
		case len(next) == limit || q.OrganizationID != "":
			return next, unreadable
		case full: // there may be more
		case until == "" && q.After != "": // wrap around to the first organization
			from, until = "", q.After
		default:
			return next, unreadable
		}
	}
}

// usable returns the ready jobs of rows, in order, and the organizations of rows that are
// unreadable, or whose jobs are not ready although their columns say so.
func usable(rows []*stored, now time.Time) (found []*jobs.Job, skipped []string, unreadable error) {
	for _, row := range rows {
		job, err := row.job()
		if err == nil && job.Ready(now) {
			found = append(found, job)
			continue
		}
		unreadable = cmp.Or(unreadable, err)
		skipped = append(skipped, row.organization)
	}
	jobs.SortNext(found)
	return found, skipped, unreadable
}

// The conditions of the partial indexes, word for word: an index is only used for queries
// that imply its condition.
const (
	ready = "state = 'accepted' AND not_before IS NULL"
	later = "state IN ('accepted', 'cancelled') AND not_before IS NOT NULL"

	readyIndex  = "fhirdock_jobs_ready"
	laterIndex  = "fhirdock_jobs_later"
	stateIndex  = "fhirdock_jobs_list_state"
	failedIndex = "fhirdock_jobs_failed"
)

// table returns the table in a query, with the index to use on SQLite, which would not
// always choose it.
func (d dialect) table(index string) string {
	if d == dialectPostgreSQL {
		return "fhirdock_jobs"
	}
	return "fhirdock_jobs INDEXED BY " + index
}

func (d dialect) begunAndFailed() string {
	started := "json_extract(record, '$.StartedAt')"
	if d == dialectPostgreSQL {
		started = "(record::json ->> 'StartedAt')"
	}
	return "state = 'failed' AND " + started + " <> '0001-01-01T00:00:00Z'"
}

// nextQuery returns the query of next jobs, of a single organization or of all. Its
// parameters are the organization, or the one to start after; the last organization, or
// empty; how many jobs of each organization to return; the time; and how many jobs to
// return. It visits one organization after the other, and stops once it has enough jobs.
func nextQuery(d dialect, order jobs.Order, one bool, lock string) string {
	start, selected := "?1", "rowid, created_at, id"
	if d == dialectPostgreSQL {
		start, selected = `?1::text COLLATE "C"`, columns
	}
	orgs := "SELECT " + d.nextOrganization(start) + " UNION ALL SELECT " + d.nextOrganization("orgs.org") +
		" FROM orgs WHERE org IS NOT NULL AND (?2 = '' OR org < ?2)"
	if one {
		orgs = "SELECT " + start
	}
	// Each selection is a subquery, because a union can't be locked.
	next := strings.ReplaceAll("SELECT {} FROM (SELECT * FROM ("+strings.Join(d.nextOf(order), lock+") AS a UNION ALL SELECT * FROM (")+
		lock+") AS b) AS next ORDER BY created_at, id LIMIT ?3", "{}", selected)
	from := "SELECT next.* FROM orgs CROSS JOIN LATERAL (" + next + ") AS next"
	if d == dialectSQLite { // CROSS keeps SQLite from starting with the jobs
		from = "SELECT " + columns + " FROM orgs CROSS JOIN fhirdock_jobs ON fhirdock_jobs.rowid IN (SELECT rowid FROM (" + next + "))"
	}
	return d.rebind("WITH RECURSIVE orgs (org) AS (" + orgs + ") " + from + " WHERE (?2 = '' OR org <= ?2) LIMIT ?5")
}

// nextOrganization selects the next organization that has jobs waiting, now or later,
// without reading the jobs of each.
func (d dialect) nextOrganization(after string) string {
	first := func(index, where string) string {
		return "SELECT * FROM (SELECT organization_id FROM " + d.table(index) + " WHERE " + where + " AND organization_id > " + after +
			" ORDER BY organization_id LIMIT 1)"
	}
	return "(SELECT min(organization_id) FROM (" + first(readyIndex, ready) + " AS a UNION ALL " + first(laterIndex, later) + " AS b) AS first)"
}

// nextOf returns selections that together have the next jobs of an organization. {} stands
// for the selected columns.
func (d dialect) nextOf(order jobs.Order) []string {
	const of = " WHERE organization_id = orgs.org AND "
	due := func(states string) string {
		return "SELECT {} FROM " + d.table(laterIndex) + of + later + states + " AND not_before <= ?4 ORDER BY not_before LIMIT ?3"
	}
	if order == jobs.Unordered {
		return []string{"SELECT {} FROM " + d.table(readyIndex) + of + ready + " ORDER BY created_at, id LIMIT ?3", due("")}
	}
	head := "SELECT {} FROM (SELECT {}, not_before FROM " + d.table(stateIndex) + of + "state = 'accepted' ORDER BY created_at, id LIMIT 1) AS head" +
		" WHERE (not_before IS NULL OR not_before <= ?4)" +
		" AND NOT EXISTS (SELECT 1 FROM " + d.table(stateIndex) + of + "state = 'processing')"
	if order == jobs.Blocking {
		head += " AND NOT EXISTS (SELECT 1 FROM (SELECT created_at, id FROM " + d.table(failedIndex) + of + d.begunAndFailed() +
			" ORDER BY created_at, id LIMIT 1) AS failed WHERE (failed.created_at, failed.id) < (head.created_at, head.id))"
	}
	return []string{head, due(" AND state = 'cancelled'")}
}
