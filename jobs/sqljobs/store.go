package sqljobs

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/jobs"
)

// Options of a store; nil, and zero fields, mean the defaults.
type Options struct {
	// SkipMigrations makes Open fail with ErrSchema if migrations are missing. Default:
	// Open runs them.
	SkipMigrations bool
	// Timeout bounds each statement on PostgreSQL, including the wait for a connection, so
	// that a server that hangs does not block later calls. After a timeout the outcome is
	// unknown. It does not apply to migrations and must not be negative. Default: 5 s.
	Timeout time.Duration
}

// Store keeps jobs in a SQL database. It is safe for concurrent use, by several processes
// too. Its errors contain no values of a record.
type Store struct {
	session session
	dialect dialect
	q       queries
	one     one
}

// one has the calls for single jobs, which are grouped with other calls. create, update and
// remove return the number of changed rows.
type one interface {
	create(ctx context.Context, args row) (int64, error)
	update(ctx context.Context, args row) (int64, error)
	remove(ctx context.Context, args row) (int64, error)
	// get returns nil if there is no such job.
	get(ctx context.Context, id string) (*stored, error)
	ready(ctx context.Context) error
}

var _ jobs.Store = (*Store)(nil)

type queries struct {
	create, get, update, remove, due, list, listState, exists, others, organizations, count, countOf, waiting string
}

func queriesFor(d dialect) queries {
	const order = " ORDER BY created_at DESC, id DESC LIMIT "
	// As one comparison of a pair, PostgreSQL answers it from an index too, so that every
	// page costs the same.
	const below = "SELECT " + columns + " FROM fhirdock_jobs WHERE organization_id = ?1 AND (created_at, id) < (?2, ?3)"
	q := queries{
		count:         d.rebind(d.countQuery()),
		countOf:       d.rebind("SELECT count(*) FROM (SELECT 1 FROM " + d.table(stateIndex) + " WHERE organization_id = ?1 AND state = ?2 LIMIT ?3) AS counted"),
		waiting:       d.rebind(d.waitingQuery()),
		exists:        d.rebind("SELECT 1 FROM fhirdock_jobs WHERE id = ?1"),
		organizations: d.rebind(organizations),
		others:        d.rebind("SELECT count(*) FROM " + d.table(stateIndex) + " WHERE organization_id = ?1 AND state = 'processing' AND id <> ?2"),
		due:           d.rebind(d.dueQuery()),
		list:          d.rebind(below + order + "?4"),
		listState:     d.rebind(below + " AND state = ?5" + order + "?4"),
	}
	switch d {
	case dialectSQLite:
		q.create, q.update, q.get, q.remove = oneCreate, oneUpdate, oneGet, oneDelete
	case dialectPostgreSQL:
		q.create, q.update, q.get, q.remove = bulkCreate, bulkUpdate, bulkGet, bulkDelete
	}
	return q
}

// SQLite's statements for one call. PostgreSQL's are for many, with arrays of the same
// arguments.
const (
	oneCreate = `INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, not_before, revision, record)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7) ON CONFLICT (id) DO NOTHING`
	oneUpdate = `UPDATE fhirdock_jobs SET state = ?2, due_at = ?3, not_before = ?4, revision = ?5 + 1, record = ?6
		WHERE id = ?1 AND revision = ?5`
	oneGet = "SELECT " + columns + " FROM fhirdock_jobs WHERE id = ?1"
)

// Open returns a store in an open database, which the caller closes. It runs missing
// migrations; ErrSchema if the schema is newer than this program. It is an error if the
// database can't be written to, or if a SQLite database has settings that would lose
// acknowledged changes.
func Open(ctx context.Context, db *sql.DB, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if db == nil {
		return nil, errors.New("sqljobs: a store needs a database")
	}
	if o.Timeout < 0 {
		return nil, errors.New("sqljobs: Options.Timeout must not be negative")
	}
	d, err := dialectOf(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := again(ctx, d, func() error { return db.PingContext(ctx) }); err != nil {
		return nil, fmt.Errorf("sqljobs: open database: %w", err)
	}
	var file sqliteFile
	if d == dialectSQLite {
		if err := checkSQLite(ctx, db); err != nil {
			return nil, err
		}
		if file, err = openedFile(ctx, db); err != nil {
			return nil, err
		}
	}
	if o.SkipMigrations {
		if err := checkMigrated(ctx, db, d); err != nil {
			return nil, err
		}
	} else if err := again(ctx, d, func() error { return migrate(ctx, db, d) }); err != nil {
		return nil, err
	}
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	s := &Store{session: sessions(db, d, o.Timeout), dialect: d, q: queriesFor(d)}
	// Fail now rather than at the first payload.
	if err := s.session(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, touch)
		return err
	}); err != nil {
		return nil, fmt.Errorf("sqljobs: the database can't be written to: %w", err)
	}
	if d == dialectSQLite {
		s.one = newSQLite(db, s.q, file)
		return s, nil
	}
	if err := checkPooler(ctx, db, o.Timeout); err != nil {
		return nil, err
	}
	s.one = newPostgreSQL(s.session, s.q)
	return s, nil
}

// Create implements [jobs.Store].
func (s *Store) Create(ctx context.Context, job *jobs.Job) error {
	next := jobs.Normalize(job)
	next.Revision = 1
	record, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("sqljobs: encode job: %w", err)
	}
	n, err := s.one.create(ctx, row{next.ID, next.OrganizationID, string(next.State), next.CreatedAt.UnixMicro(),
		micros(next.DueAt), micros(next.NotBefore), line(record)})
	switch {
	case err != nil:
		return fmt.Errorf("sqljobs: create job: %w", err)
	case n == 0:
		return jobs.ErrExists
	}
	job.Revision = 1
	return nil
}

// Get implements [jobs.Store].
func (s *Store) Get(ctx context.Context, id string) (*jobs.Job, error) {
	row, err := s.one.get(ctx, id)
	if err == nil && row == nil {
		return nil, jobs.ErrNotFound
	}
	var job *jobs.Job
	if err == nil {
		job, err = row.job()
	}
	if err != nil {
		return nil, fmt.Errorf("sqljobs: read job: %w", err)
	}
	return job, nil
}

// Update implements [jobs.Store].
func (s *Store) Update(ctx context.Context, job *jobs.Job) error {
	args, err := updateRow(job)
	if err != nil {
		return fmt.Errorf("sqljobs: %w", err)
	}
	n, err := s.one.update(ctx, args)
	if err != nil {
		return fmt.Errorf("sqljobs: update job: %w", err)
	}
	if n == 0 {
		return s.refused(ctx, "update job", job.ID)
	}
	job.Revision++
	return nil
}

// updateRow returns the arguments of an update.
func updateRow(job *jobs.Job) (row, error) {
	next := jobs.Normalize(job)
	next.Revision++
	record, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("encode job: %w", err)
	}
	return row{next.ID, string(next.State), micros(next.DueAt), micros(next.NotBefore), job.Revision, line(record)}, nil
}

// List implements [jobs.Store].
func (s *Store) List(ctx context.Context, q jobs.Query) (*jobs.Page, error) {
	// Start after the newest possible job, in microseconds.
	at, id := int64(1)<<62, ""
	if q.Cursor != "" {
		c, err := jobs.ParseCursor(q.Cursor)
		if err != nil {
			return nil, err
		}
		at, id = c.CreatedAt.UnixMicro(), c.ID
	}
	limit := q.PageSize()
	query, args := s.q.list, []any{q.OrganizationID, at, id, limit + 1}
	if q.State != "" {
		query, args = s.q.listState, append(args, string(q.State))
	}
	rows, err := s.rows(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sqljobs: list jobs: %w", err)
	}
	page := &jobs.Page{}
	if len(rows) > limit {
		rows = rows[:limit]
		page.Next = rows[limit-1].cursor().String()
	}
	if page.Jobs, err = decode(rows); err != nil {
		err = fmt.Errorf("sqljobs: list jobs: %w", err)
	}
	return page, err
}

// Due implements [jobs.Store].
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]*jobs.Job, error) {
	rows, err := s.rows(ctx, s.q.due, now.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("sqljobs: read due jobs: %w", err)
	}
	due, err := decode(rows)
	jobs.SortDue(due)
	if err != nil {
		err = fmt.Errorf("sqljobs: read due jobs: %w", err)
	}
	return due, err
}

// dueQuery selects expired leases and then other due jobs up to the limit, each from an
// index in the right order.
func (d dialect) dueQuery() string {
	due := func(index, what, limit string) string {
		return "SELECT " + columns + " FROM " + d.table(index) + " WHERE " + what + " AND due_at <= ?1 ORDER BY due_at LIMIT " + limit
	}
	return "WITH leases AS (" + due("fhirdock_jobs_leases", "state = 'processing'", "?2") + ")" +
		" SELECT * FROM leases UNION ALL SELECT * FROM (" +
		due("fhirdock_jobs_due", "state <> 'processing'", "(?2 - (SELECT count(*) FROM leases))") + ") AS others"
}

func (s *Store) rows(ctx context.Context, query string, args ...any) ([]*stored, error) {
	return read(ctx, s.session, scanStored, query, args...)
}

// decode decodes records. It returns the readable jobs together with an error for
// unreadable ones.
func decode(rows []*stored) (found []*jobs.Job, err error) {
	for _, row := range rows {
		if job, err := row.job(); err == nil {
			found = append(found, job)
		}
	}
	if unreadable := len(rows) - len(found); unreadable > 0 {
		return found, fmt.Errorf("%d of %d: %w", unreadable, len(rows), errRecord)
	}
	return found, nil
}
