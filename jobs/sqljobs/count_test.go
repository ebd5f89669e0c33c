package sqljobs_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// Count reads only indexes and only jobs in the state, even if PostgreSQL's statistics
// favor reading the whole table.
func TestCountPlans(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, s *sqljobs.Store) {
		db.SetMaxOpenConns(1) // the settings are per connection
		for n := range 50 {
			many(t, db, dialect, fmt.Sprintf("org-%02d", n), "completed", 400)
		}
		many(t, db, dialect, "org-20", "failed", 3)
		many(t, db, dialect, "org-40", "failed", 2)
		_, err := db.Exec("ANALYZE fhirdock_jobs")
		require.NoError(t, err)
		explain := "EXPLAIN QUERY PLAN "
		if dialect == sqljobs.PostgreSQL {
			explain = "EXPLAIN "
			_, err := db.Exec("SET plan_cache_mode = force_generic_plan")
			require.NoError(t, err)
		}
		queries := sqljobs.QueriesForTest(dialect)
		for query, args := range map[string][]any{"count": {"failed", 10}, "count of": {"org-20", "failed", 10}, "waiting": {10}} {
			plan := explained(t, db, explain+queries[query], args...)
			require.Contains(t, plan, map[bool]string{true: "fhirdock_jobs_ready", false: "fhirdock_jobs_list_state"}[query == "waiting"], plan)
			require.NotRegexp(t, `Seq Scan|SCAN fhirdock_jobs\n|TEMP B-TREE|Sort`, plan)
		}
		for _, c := range []struct {
			organization string
			state        jobs.State
			limit, want  int
		}{{"", jobs.Failed, 10, 5}, {"", jobs.Failed, 4, 4}, {"org-40", jobs.Failed, 10, 2}, {"", jobs.Completed, 100, 100}, {"", jobs.Completed, 100_000, 20_000}} {
			began := time.Now()
			n, err := s.Count(t.Context(), c.organization, c.state, c.limit)
			require.NoError(t, err)
			require.Equal(t, c.want, n)
			t.Logf("%d jobs of %q are %s: %s", n, c.organization, c.state, time.Since(began))
		}
	})
}
