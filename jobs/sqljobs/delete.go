package sqljobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/fhirdock/fhirdock/jobs"
)

const (
	oneDelete = "DELETE FROM fhirdock_jobs WHERE id = ?1 AND revision = ?2"
	// The rows are looked up and locked in the order of the array, as in bulkUpdate, and
	// then deleted by ctid.
	bulkDelete = `DELETE FROM fhirdock_jobs WHERE ctid = ANY (ARRAY(
		SELECT (SELECT ctid FROM fhirdock_jobs AS old
			WHERE old.id = gone.id AND old.revision = gone.revision FOR UPDATE)
		FROM unnest($1::text::text[], $2::text::bigint[]) AS gone (id, revision)))
		RETURNING id`
	// Goes from one organization to the next in the index of lists, without reading the
	// jobs of each.
	organizations = `WITH RECURSIVE orgs (org, n) AS (
			SELECT (SELECT organization_id FROM fhirdock_jobs WHERE organization_id > ?1 ORDER BY organization_id LIMIT 1), 1
			UNION ALL
			SELECT (SELECT organization_id FROM fhirdock_jobs WHERE organization_id > orgs.org ORDER BY organization_id LIMIT 1), n + 1
			FROM orgs WHERE org IS NOT NULL AND n < ?2)
		SELECT org FROM orgs WHERE org IS NOT NULL`
)

// Delete implements [jobs.Store].
func (s *Store) Delete(ctx context.Context, job *jobs.Job) error {
	n, err := s.one.remove(ctx, row{job.ID, job.Revision})
	if err != nil {
		return fmt.Errorf("sqljobs: delete job: %w", err)
	}
	if n == 0 {
		return s.refused(ctx, "delete job", job.ID)
	}
	return nil
}

// refused returns why a compare-and-set changed no row: ErrNotFound or ErrConflict.
func (s *Store) refused(ctx context.Context, what, id string) error {
	var one int
	switch err := s.session(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, s.q.exists, id).Scan(&one)
	}); {
	case errors.Is(err, sql.ErrNoRows):
		return jobs.ErrNotFound
	case err != nil:
		return fmt.Errorf("sqljobs: %s: %w", what, err)
	}
	return jobs.ErrConflict
}

// Organizations implements [jobs.Store].
func (s *Store) Organizations(ctx context.Context, after string, limit int) (found []string, err error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	found, err = read(ctx, s.session, func(rows *sql.Rows) (id string, err error) {
		err = rows.Scan(&id)
		return id, err
	}, s.q.organizations, after, min(limit, jobs.MaxPage))
	if err != nil {
		return nil, fmt.Errorf("sqljobs: read organizations: %w", err)
	}
	slices.Sort(found)
	return found, nil
}
