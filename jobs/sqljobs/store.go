package sqljobs

import (
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
	// Dialect of the database. Default: by the type of its driver.
	Dialect Dialect
	// SkipMigrations makes Open fail with ErrSchema where migrations are
	// missing. Default: Open runs them.
	SkipMigrations bool
}

// Store keeps jobs in a SQL database. It is safe for concurrent use, by several
// processes. Its errors hold no values of a record.
type Store struct {
	db      *sql.DB
	dialect Dialect
	q       queries
	one     one
}

// one does what a call wants of one job, together with other calls.
type one interface {
	// create and update return how many rows they changed. The arguments are those
	// of the queries, the job's id first.
	create(ctx context.Context, args row) (int64, error)
	update(ctx context.Context, args row) (int64, error)
	// get returns nil if the job is not there.
	get(ctx context.Context, id string) (*stored, error)
}

var _ jobs.Store = (*Store)(nil)

type queries struct{ create, get, update, due, list, listState, exists string }

func queriesFor(d Dialect) queries {
	const order = " ORDER BY created_at DESC, id DESC LIMIT ?"
	// As one comparison of a pair, an index answers it on PostgreSQL too: there a
	// page costs the same however deep it lies.
	const below = " AND (created_at, id) < (?, ?)"
	q := queries{
		exists:    d.rebind("SELECT 1 FROM fhirdock_jobs WHERE id = ?"),
		due:       d.rebind("SELECT " + columns + " FROM fhirdock_jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?"),
		list:      d.rebind("SELECT " + columns + " FROM fhirdock_jobs WHERE organization_id = ?" + below + order),
		listState: d.rebind("SELECT " + columns + " FROM fhirdock_jobs WHERE organization_id = ? AND state = ?" + below + order),
	}
	switch d {
	case SQLite:
		q.create, q.update, q.get = oneCreate, oneUpdate, oneGet
	case PostgreSQL:
		q.create, q.update, q.get = bulkCreate, bulkUpdate, bulkGet
	}
	return q
}

// What SQLite gets for one call; PostgreSQL gets one statement for many, with
// arrays of the same arguments.
const (
	oneCreate = `INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, revision, record)
		VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6) ON CONFLICT (id) DO NOTHING`
	oneUpdate = `UPDATE fhirdock_jobs SET state = ?2, due_at = ?3, revision = ?4 + 1, record = ?5
		WHERE id = ?1 AND revision = ?4`
	oneGet = "SELECT " + columns + " FROM fhirdock_jobs WHERE id = ?1"
)

// Open returns a store in an open database, which stays the caller's to close.
// It runs the migrations that are missing. ErrSchema if the schema is newer than
// this program; an error that says what to set if a SQLite database would not
// keep what was acknowledged; an error if the database can't be written to.
func Open(ctx context.Context, db *sql.DB, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if db == nil {
		return nil, errors.New("sqljobs: a store needs a database")
	}
	var err error
	if o.Dialect == "" {
		if o.Dialect, err = detect(db); err != nil {
			return nil, err
		}
	}
	if err := o.Dialect.check(); err != nil {
		return nil, err
	}
	if err := again(ctx, o.Dialect, func() error { return db.PingContext(ctx) }); err != nil {
		return nil, fmt.Errorf("sqljobs: open database: %w", err)
	}
	if o.Dialect == SQLite {
		if err := checkSQLite(ctx, db); err != nil {
			return nil, err
		}
	}
	if o.SkipMigrations {
		if err := checkMigrated(ctx, db, o.Dialect); err != nil {
			return nil, err
		}
	} else if err := Migrate(ctx, db, o.Dialect); err != nil {
		return nil, err
	}
	// Changes nothing, but only where something could be changed: better known now
	// than at the first payload.
	if _, err := db.ExecContext(ctx, "UPDATE fhirdock_jobs SET revision = revision WHERE id = ''"); err != nil {
		return nil, fmt.Errorf("sqljobs: the database can't be written to: %w", err)
	}
	s := &Store{db: db, dialect: o.Dialect, q: queriesFor(o.Dialect)}
	if o.Dialect == SQLite {
		s.one = newSQLite(db, s.q)
	} else {
		s.one = newPostgreSQL(db, s.q)
	}
	return s, nil
}

// Create implements [jobs.Store].
func (s *Store) Create(ctx context.Context, job *jobs.Job) error {
	next := jobs.Stored(job)
	next.Revision = 1
	record, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("sqljobs: encode job: %w", err)
	}
	n, err := s.one.create(ctx, row{next.ID, next.OrganizationID, string(next.State), next.CreatedAt.UnixMicro(),
		micros(next.DueAt), line(record)})
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
	next := jobs.Stored(job)
	next.Revision++
	record, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("sqljobs: encode job: %w", err)
	}
	n, err := s.one.update(ctx, row{next.ID, string(next.State), micros(next.DueAt), job.Revision, line(record)})
	if err != nil {
		return fmt.Errorf("sqljobs: update job: %w", err)
	}
	if n == 0 {
		var one int
		switch err := s.db.QueryRowContext(ctx, s.q.exists, job.ID).Scan(&one); {
		case errors.Is(err, sql.ErrNoRows):
			return jobs.ErrNotFound
		case err != nil:
			return fmt.Errorf("sqljobs: update job: %w", err)
		}
		return jobs.ErrConflict
	}
	job.Revision = next.Revision
	return nil
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
	query, args := s.q.list, []any{q.OrganizationID}
	if q.State != "" {
		query, args = s.q.listState, append(args, string(q.State))
	}
	rows, err := s.rows(ctx, query, append(args, at, id, limit+1)...)
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
	due, err := s.query(ctx, s.q.due, now.UnixMicro(), limit)
	if err != nil {
		return due, fmt.Errorf("sqljobs: read due jobs: %w", err)
	}
	return due, nil
}

// query reads jobs. Those that can be read are returned beside errRecord.
func (s *Store) query(ctx context.Context, query string, args ...any) ([]*jobs.Job, error) {
	rows, err := s.rows(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return decode(rows)
}

func (s *Store) rows(ctx context.Context, query string, args ...any) (all []*stored, err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var row stored
		if err := rows.Scan(row.columns()...); err != nil {
			return nil, err
		}
		all = append(all, &row)
	}
	return all, rows.Err()
}

// decode reads records. Those that can be read are returned even if others, which are
// damaged or of another program, can't.
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
