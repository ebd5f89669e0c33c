package sqljobs

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"sync/atomic"

	"github.com/fhirdock/fhirdock/internal/sqlsession"
)

// bulkGroups is how many groups of one kind may run concurrently on PostgreSQL, so that
// the next group is executed while one waits for the disk. More would make groups smaller
// and each call more expensive: with four, 100 workers complete a tenth fewer jobs. There
// are four kinds, so calls for single jobs use at most eight connections, however many
// wait.
const bulkGroups = 2

// The statements for groups of calls on PostgreSQL. The values of a column are one array,
// written as text, which every driver supports. So groups of any size use the same prepared
// statement, in one round trip and one transaction.
//
// Each statement looks up its rows one by one in the primary key, in the order of the
// array. With a join, the planner would scan the whole table while it believes the table
// is small, and keep that plan when it has grown. All processes lock rows in the order of
// their ids, so that groups never deadlock.
const (
	bulkCreate = `INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, not_before, revision, record)
		SELECT id, organization_id, state, created_at, due_at, not_before, 1, record
		FROM unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::bigint[], $5::text::bigint[], $6::text::bigint[],
				string_to_array($7::text, E'\n'))
			AS new (id, organization_id, state, created_at, due_at, not_before, record)
		ON CONFLICT (id) DO NOTHING RETURNING id`
	// An update written as an insertion: all of its rows exist and are locked, so each of
	// them is a conflict. Columns that never change are not set.
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

// bulk runs one of the statements for groups of calls, and answers each call with what the
// statement returned for its id, or the zero value if nothing.
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

// newBulkWrite is for a statement that returns the ids of the rows it changed. Changes of
// the same row are in different groups, because their answers have the same id.
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
	ctx, cancel := whileAnyWaits(ctx, group)
	defer cancel()
	slices.SortFunc(group, func(x, y *call[row, V]) int { return cmp.Compare(x.arg.id(), y.arg.id()) })
	b.together(ctx, group)
}

// together runs the statement for a group. If the server refused it because of its values,
// together runs it for each half, so that no call fails because of another. Any other
// failure is returned to all calls: the change may have been made, and a retry would take
// it for somebody else's.
func (b *bulk[V]) together(ctx context.Context, group []*call[row, V]) {
	found, err := b.returned(ctx, group)
	switch half := len(group) / 2; {
	case err == nil:
		for _, w := range group {
			w.answer(found[w.arg.id()], nil)
		}
	case half == 0 || !refused(err):
		failAll(group, err)
	default:
		b.together(ctx, group[:half])
		b.together(ctx, group[half:])
	}
}

// returned runs the statement and returns its results by id.
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

// refused reports whether the server did nothing because of one call's values (invalid
// data, a constraint, a limit), or because of a serialization failure, if the connection
// uses such isolation.
func refused(err error) bool {
	state := sqlsession.SQLState(err)
	if state == "" {
		return false
	}
	return state == notSerializable || slices.Contains([]string{classData, classConstraint, classProgramLimit}, state[:2])
}

// whileAnyWaits returns a context that ends when the contexts of all calls have ended, so
// that a server that hangs does not occupy a group for longer.
func whileAnyWaits[A, R any](ctx context.Context, group []*call[A, R]) (context.Context, context.CancelFunc) {
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
