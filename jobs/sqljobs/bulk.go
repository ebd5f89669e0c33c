package sqljobs

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"sync/atomic"
)

// Groups of one kind that may be under way at once on PostgreSQL. It has many
// writers, and while one group waits for the disk the next ones are worked on; more
// than that makes groups smaller and each call dearer. There are four kinds, so
// calls for one job use at most sixteen connections, however many wait.
const bulkGroups = 4

// bulk are the statements that PostgreSQL gets for groups of calls. The values of a
// column come as one array, written as text so that every driver takes it: a group
// of any size is the same prepared statement, and one round trip that is one
// transaction.
//
// Each statement looks its rows up one by one, in the primary key and in the order
// of the array. A join would leave that to the planner, which prefers to read the
// whole table where it believes that it is small, and goes on with that plan when
// it is not small any more. And rows that are locked in the order of their ids are
// locked in the same order by all, so that groups of several processes never wait
// for each other in a circle.
const (
	bulkCreate = `INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, not_before, revision, record)
		SELECT id, organization_id, state, created_at, due_at, not_before, 1, record
		FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::bigint[], $5::text::bigint[], $6::text::bigint[],
				string_to_array($7::text, E'\n'))
			AS new (id, organization_id, state, created_at, due_at, not_before, record)
		ON CONFLICT (id) DO NOTHING RETURNING id`
	// An update that is written as an insertion: all of its rows are there, and
	// locked, so each of them is a conflict. What the row has for good is not set.
	bulkUpdate = `INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, not_before, revision, record)
		SELECT id, '', state, 0, due_at, not_before, revision + 1, record
		FROM unnest($1::text::text[], $2::text::text[], $3::text::bigint[], $4::text::bigint[], $5::text::bigint[],
				string_to_array($6::text, E'\n'))
			AS new (id, state, due_at, not_before, revision, record)
		WHERE (SELECT true FROM fhirdock_jobs AS old
			WHERE old.id = new.id AND old.revision = new.revision FOR NO KEY UPDATE)
		ON CONFLICT (id) DO UPDATE
			SET state = excluded.state, due_at = excluded.due_at, not_before = excluded.not_before, revision = excluded.revision, record = excluded.record
		RETURNING id`
	bulkGet = `SELECT job.id, job.record, job.revision, job.organization_id, job.created_at
		FROM unnest($1::text::text[]) AS want (id),
			LATERAL (SELECT ` + columns + ` FROM fhirdock_jobs WHERE id = want.id LIMIT 1) AS job`
)

// bulk runs one of the statements for groups of calls, and answers each with what
// was returned for its id; the zero value if nothing was.
type bulk[V any] struct {
	*gatherer[row, V]
	session session
	query   string
	scan    func(*sql.Rows) (id string, v V, err error)
}

func newBulk[V any](s session, query string, key func(row) string, scan func(*sql.Rows) (string, V, error)) *bulk[V] {
	b := &bulk[V]{session: s, query: query, scan: scan}
	b.gatherer = gather(bulkGroups, key, b.run)
	return b
}

// newBulkWrite is for a statement that returns the ids of the rows that it changed.
// Two changes of one row are not in one group, which could not tell their answers
// apart.
func newBulkWrite(s session, query string) *bulk[int64] {
	return newBulk(s, query, row.id, func(rows *sql.Rows) (id string, changed int64, err error) {
		err = rows.Scan(&id)
		return id, 1, err
	})
}

func newBulkGet(s session, query string) *bulk[*stored] {
	return newBulk(s, query, nil, func(rows *sql.Rows) (id string, s *stored, err error) {
		s = new(stored)
		err = rows.Scan(s.columns()...)
		return s.id, s, err
	})
}

func (b *bulk[V]) run(ctx context.Context, group []*call[row, V]) {
	ctx, cancel := whileSomebodyWaits(ctx, group)
	defer cancel()
	slices.SortFunc(group, func(x, y *call[row, V]) int { return cmp.Compare(x.arg.id(), y.arg.id()) })
	b.together(ctx, group)
}

// together runs the statement for a group. Where the server refused it for what it
// was given, it is run for each half, so that no call fails for another's sake. A
// failure that leaves open what was done is everyone's: if that was tried again, a
// change that had been made would look like somebody else's.
func (b *bulk[V]) together(ctx context.Context, group []*call[row, V]) {
	found, err := b.returned(ctx, group)
	switch half := len(group) / 2; {
	case err == nil:
		for _, w := range group {
			w.answer(found[w.arg.id()], nil)
		}
	case half == 0 || !refused(err):
		failed(group, err)
	default:
		b.together(ctx, group[:half])
		b.together(ctx, group[half:])
	}
}

// returned runs the statement and returns what it returned, by id.
func (b *bulk[V]) returned(ctx context.Context, group []*call[row, V]) (map[string]V, error) {
	type one struct {
		id string
		v  V
	}
	all, err := read(ctx, b.session, func(rows *sql.Rows) (o one, err error) {
		o.id, o.v, err = b.scan(rows)
		return o, err
	}, b.query, arrays(group)...)
	if err != nil {
		return nil, err
	}
	found := make(map[string]V, len(all))
	for _, o := range all {
		found[o.id] = o.v
	}
	return found, nil
}

// refused says whether the server did nothing for a reason that lies in what one call
// gave it: data that it can't store, a constraint, a limit; or since another
// transaction came between, where the connection asks for such isolation.
func refused(err error) bool {
	state := sqlState(err)
	if state == "" {
		return false
	}
	return state == notSerializable || slices.Contains([]string{classData, classConstraint, classProgramLimit}, state[:2])
}

// whileSomebodyWaits returns a context that ends when no call's context is left: a
// server that does not answer must not keep a group's place for longer.
func whileSomebodyWaits[A, R any](ctx context.Context, group []*call[A, R]) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	left := new(atomic.Int64)
	left.Store(int64(len(group)))
	stops := make([]func() bool, len(group))
	for i, w := range group {
		stops[i] = context.AfterFunc(w.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}
