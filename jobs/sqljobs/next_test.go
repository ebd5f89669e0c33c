package sqljobs_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// eachDatabase runs a test on a new database of each dialect.
func eachDatabase[T interface {
	testing.TB
	Run(string, func(T)) bool
}](t T, do func(t T, db *sql.DB, dialect sqljobs.Dialect, store *sqljobs.Store)) {
	open := func(t T, driver, dsn string, dialect sqljobs.Dialect) {
		db, err := sql.Open(driver, dsn)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		store, err := sqljobs.Open(t.Context(), db, nil)
		require.NoError(t, err)
		do(t, db, dialect, store)
	}
	t.Run("sqlite", func(t T) {
		open(t, "sqlite", sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.db")), sqljobs.SQLite)
	})
	t.Run("postgres", func(t T) { open(t, "pgx", schema(t, postgres(t)), sqljobs.PostgreSQL) })
}

// many adds n jobs of an organization with one statement.
func many(t testing.TB, db *sql.DB, dialect sqljobs.Dialect, org string, state jobs.State, n int) {
	t.Helper()
	numbers, id := "generate_series(1, %d) AS numbers (n)", "md5('%s%s' || n)"
	if dialect == sqljobs.SQLite {
		numbers = "(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) SELECT n FROM numbers)"
		id = "'%s%s' || n"
	}
	_, err := db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, revision, record)
		SELECT `+id+`, '%s', '%s', n, n, 1, '{"State":"%s","StartedAt":"0001-01-01T00:00:00Z"}' FROM `+numbers,
		org, state, org, state, state, n))
	require.NoError(t, err)
}

// Next uses only indexes and skips no rows. It sorts only the few jobs found for each
// organization.
func TestNextPlans(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, _ *sqljobs.Store) {
		db.SetMaxOpenConns(1) // the settings are the connection's
		explain := "EXPLAIN QUERY PLAN "
		if dialect == sqljobs.PostgreSQL {
			explain = "EXPLAIN "
			_, err := db.Exec("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET plan_cache_mode = force_generic_plan")
			require.NoError(t, err)
		}
		for _, order := range []jobs.Order{jobs.Unordered, jobs.Ordered, jobs.Blocking} {
			for _, one := range []bool{true, false} {
				plan := explained(t, db, explain+sqljobs.NextQueryForTest(dialect, order, one), "a", "", 5, 7, 3)
				require.Contains(t, plan, "fhirdock_jobs_later")
				require.Equal(t, order != jobs.Unordered, strings.Contains(plan, "fhirdock_jobs_list_state"), plan)
				require.Equal(t, order == jobs.Blocking, strings.Contains(plan, "fhirdock_jobs_failed"), plan)
				require.NotRegexp(t, `Seq Scan|SCAN fhirdock_jobs|Sort Key: [^\n]*\n *->  (Index|Bitmap)`, plan)
				require.LessOrEqual(t, strings.Count(plan, "TEMP B-TREE"), 1, plan)
			}
		}
	})
}

func explained(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.Query(query, args...)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var plan strings.Builder
	for rows.Next() {
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		require.NoError(t, rows.Scan(row...))
		fmt.Fprintln(&plan, *row[len(row)-1].(*any)) // the last column is the text
	}
	require.NoError(t, rows.Err())
	return plan.String()
}

// An unreadable record hides neither its organization's next job nor others.
func TestNextWithUnreadableRecord(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, _ sqljobs.Dialect, s *sqljobs.Store) {
		at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		for i := range 3 {
			require.NoError(t, s.Create(t.Context(), &jobs.Job{
				ID: jobs.DerivedID(fmt.Sprint(i)), OrganizationID: "a", State: jobs.Accepted, CreatedAt: at.Add(time.Duration(i) * time.Second), DueAt: at,
			}))
		}
		_, err := db.Exec(`UPDATE fhirdock_jobs SET record = '{"UserID":"secret' WHERE id = '` + jobs.DerivedID("0") + `'`)
		require.NoError(t, err)
		next, err := s.Next(t.Context(), jobs.NextQuery{Now: at, Limit: 3, PerOrganization: 3})
		require.ErrorIs(t, err, jobs.ErrRecord)
		require.NotContains(t, err.Error(), "secret")
		require.Len(t, next, 2)
	})
}

// BenchmarkNext shows that Next costs the same after 1,000 and after 1,000,000 jobs of one
// organization, as many finished ones and a tenth as many failed ones.
//
//	go test -run xxx -bench Next ./jobs/sqljobs
func BenchmarkNext(b *testing.B) {
	eachDatabase(b, func(b *testing.B, db *sql.DB, dialect sqljobs.Dialect, s *sqljobs.Store) {
		for _, n := range []int{1_000, 1_000_000} {
			for _, state := range []jobs.State{jobs.Accepted, jobs.Completed, jobs.Failed} {
				if _, err := db.Exec(fmt.Sprintf("DELETE FROM fhirdock_jobs WHERE state = '%s'", state)); err != nil {
					b.Fatal(err)
				}
			}
			many(b, db, dialect, "a", jobs.Accepted, n)
			many(b, db, dialect, "a", jobs.Completed, n)
			many(b, db, dialect, "a", jobs.Failed, n/10)
			many(b, db, dialect, "b", jobs.Accepted, 1)
			if dialect == sqljobs.PostgreSQL { // as autovacuum does in time
				if _, err := db.Exec("VACUUM ANALYZE fhirdock_jobs"); err != nil {
					b.Fatal(err)
				}
			}
			now := time.Now()
			for name, q := range map[string]jobs.NextQuery{
				"four":    {Now: now, Limit: 4, PerOrganization: 4},
				"ordered": {Now: now, Limit: 4, Order: jobs.Ordered},
				"locking": {Now: now, Limit: 4, PerOrganization: 4, Claim: func(*jobs.Job) error { return jobs.ErrState }},
			} {
				b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
					for b.Loop() {
						next, err := s.Next(b.Context(), q)
						if err != nil || len(next) == 0 && q.Claim == nil {
							b.Fatal(len(next), err)
						}
					}
				})
			}
		}
	})
}
