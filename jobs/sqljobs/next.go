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

// maxPassedOver is how many records of an organization that can't be read, or are not
// ready although their columns say so, do not hide the later ones. The release before
// does not set not_before.
const maxPassedOver = 64

// Next implements [jobs.Store].
func (s *Store) Next(ctx context.Context, q jobs.NextQuery) (next []*jobs.Job, err error) {
	locks := s.dialect == PostgreSQL && q.Claim != nil && q.Order == jobs.Unordered
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

// findNext walks along the organizations and returns the jobs that are next, without
// claiming them. lock is what to append to the selection of jobs.
func (s *Store) findNext(ctx context.Context, db selecter, q jobs.NextQuery, lock string) (next []*jobs.Job, unreadable error) {
	limit, each := q.Bounds()
	one := nextQuery(s.dialect, q.Order, true, lock)
	text, from, until := nextQuery(s.dialect, q.Order, false, lock), q.After, ""
	if q.OrganizationID != "" {
		text, from = one, q.OrganizationID
	}
	for {
		most := limit - len(next) + each - 1 // so that the last organization is whole
		rows, err := scanned(ctx, db, scanStored, text, from, until, each, q.Now.UnixMicro(), most)
		if err != nil {
			return nil, err
		}
		found, others, err := usable(rows, q.Now)
		unreadable = cmp.Or(unreadable, err)
		full := len(rows) == most
		if full {
			if from = rows[most-1].organization; len(others) > 0 {
				others = append(others, from)
			}
		}
		for _, org := range slices.Compact(others) {
			rows, err := scanned(ctx, db, scanStored, one, org, "", each+maxPassedOver, q.Now.UnixMicro(), each+maxPassedOver)
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
		case full: // it goes on
		case until == "" && q.After != "": // after the last organization the first one follows
			from, until = "", q.After
		default:
			return next, unreadable
		}
	}
}

// usable are the jobs of rows that are ready, in order. others are the organizations of
// the rows that can't be read, or whose jobs are not ready although their columns say so.
func usable(rows []*stored, now time.Time) (found []*jobs.Job, others []string, unreadable error) {
	for _, row := range rows {
		job, err := row.job()
		if err == nil && job.Ready(now) {
			found = append(found, job)
			continue
		}
		unreadable = cmp.Or(unreadable, err)
		others = append(others, row.organization)
	}
	jobs.SortNext(found)
	return found, others, unreadable
}

// The conditions of the partial indexes, word for word: an index answers only what its
// own condition follows from.
const (
	ready = "state = 'accepted' AND not_before IS NULL"
	later = "state IN ('accepted', 'cancelled') AND not_before IS NOT NULL"

	readyIndex  = "fhirdock_jobs_ready"
	laterIndex  = "fhirdock_jobs_later"
	stateIndex  = "fhirdock_jobs_list_state"
	failedIndex = "fhirdock_jobs_failed"
)

// table with the index that is to answer, which SQLite would not always choose.
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

// nextQuery is the text of the query of next jobs. Its parameters are the organization,
// or the one to start after; the last one, or nothing; how many jobs of each to return; the
// time; and how many jobs to return. Rows come from one organization after the other, so
// the walk along the organizations ends where enough jobs were found.
func nextQuery(d Dialect, order jobs.Order, one bool, lock string) string {
	start, what := "?1", "rowid, created_at, id"
	if d == PostgreSQL {
		start, what = `?1::text COLLATE "C"`, columns
	}
	orgs := "SELECT " + d.nextOrganization(start) + " UNION ALL SELECT " + d.nextOrganization("orgs.org") +
		" FROM orgs WHERE org IS NOT NULL AND (?2 = '' OR org < ?2)"
	if one {
		orgs = "SELECT " + start
	}
	// Each selection in a query of its own, since a union can't be locked.
	next := strings.ReplaceAll("SELECT {} FROM (SELECT * FROM ("+strings.Join(d.nextOf(order), lock+") AS a UNION ALL SELECT * FROM (")+
		lock+") AS b) AS next ORDER BY created_at, id LIMIT ?3", "{}", what)
	from := "SELECT next.* FROM orgs CROSS JOIN LATERAL (" + next + ") AS next"
	if d == SQLite { // where CROSS keeps it from beginning with the jobs
		from = "SELECT " + columns + " FROM orgs CROSS JOIN fhirdock_jobs ON fhirdock_jobs.rowid IN (SELECT rowid FROM (" + next + "))"
	}
	return d.rebind("WITH RECURSIVE orgs (org) AS (" + orgs + ") " + from + " WHERE (?2 = '' OR org <= ?2) LIMIT ?5")
}

// nextOrganization is the first organization after one that has jobs waiting, now or
// later. It goes from one to the next, and not over the jobs of one.
func (d Dialect) nextOrganization(after string) string {
	first := func(index, where string) string {
		return "SELECT * FROM (SELECT organization_id FROM " + d.table(index) + " WHERE " + where + " AND organization_id > " + after +
			" ORDER BY organization_id LIMIT 1)"
	}
	return "(SELECT min(organization_id) FROM (" + first(readyIndex, ready) + " AS a UNION ALL " + first(laterIndex, later) + " AS b) AS first)"
}

// nextOf are the selections whose jobs are next in an organization. {} stands for what
// is selected.
func (d Dialect) nextOf(order jobs.Order) []string {
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
