package sqljobs_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// BenchmarkUnfinished shows that a claim (reading and changing one job, 64 concurrently)
// and a sweep (reading a page of 200 due jobs) cost the same however many unfinished jobs
// there are:
//
//	go test -run xxx -bench Unfinished -benchtime 3000x ./jobs/sqljobs
//
// It takes some minutes, mostly to fill the tables. -short skips the largest.
func BenchmarkUnfinished(b *testing.B) {
	sizes := []int{1_000, 30_000, 1_000_000}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		for _, c := range []struct {
			dialect sqljobs.Dialect
			driver  string
			dsn     func(b *testing.B) string
		}{
			{sqljobs.SQLite, "sqlite", func(b *testing.B) string { return sqljobs.SQLiteDSN(filepath.Join(b.TempDir(), "jobs.db")) }},
			{sqljobs.PostgreSQL, "pgx", func(b *testing.B) string { return schema(b, postgres(b)) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.dialect, size), func(b *testing.B) {
				db, err := sql.Open(c.driver, c.dsn(b))
				require.NoError(b, err)
				defer db.Close()
				db.SetMaxIdleConns(12)
				s, err := sqljobs.Open(b.Context(), db, nil)
				require.NoError(b, err)
				fill(b, db, c.dialect, size)
				var claimed atomic.Int64
				b.Run("claim", func(b *testing.B) { claims(b, s, size, &claimed) })
				b.Run("sweep", func(b *testing.B) {
					for b.Loop() {
						due, err := s.Due(b.Context(), filled.Add(time.Hour*24*365), 200)
						require.NoError(b, err)
						require.Len(b, due, 200)
					}
				})
			})
		}
	}
}

// filled is the due time of fill's first job; they are one second apart.
var filled = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// filledID is the id of the nth job; neighbours are far apart in the index.
func filledID(n int) string { return fmt.Sprintf("%08x", uint32(n*2654435761)) }

// fill creates accepted jobs with one statement.
func fill(b *testing.B, db *sql.DB, dialect sqljobs.Dialect, size int) {
	b.Helper()
	record, err := json.Marshal(&jobs.Job{ID: "THE-ID", OrganizationID: "a", Source: jobs.Webhook, State: jobs.Accepted, MaxAttempts: 1 << 30})
	require.NoError(b, err)
	numbers, id := "generate_series(0, $1::bigint - 1) AS n(i)", "lpad(to_hex((i * 2654435761) % 4294967296), 8, '0')"
	if dialect == sqljobs.SQLite {
		numbers = "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1) SELECT i FROM n)"
		id = "printf('%08x', (i * 2654435761) % 4294967296)"
	}
	_, err = db.ExecContext(b.Context(), `INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, revision, record)
		SELECT id, 'org-' || i % 100, 'accepted', $2 + i * 1000000, $2 + i * 1000000, 1, replace($3, 'THE-ID', id)
		FROM (SELECT i, `+id+` AS id FROM `+numbers+`) AS j ORDER BY id`, size, filled.UnixMicro(), string(record))
	require.NoError(b, err)
	_, err = db.ExecContext(b.Context(), "ANALYZE fhirdock_jobs")
	require.NoError(b, err)
}

// claims counts in claimed, which continues when the benchmark runs again.
func claims(b *testing.B, s *sqljobs.Store, size int, claimed *atomic.Int64) {
	b.SetParallelism(32) // times 2 cores or more
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			// All over the table. When a job comes up again, its lease is over.
			n := claimed.Add(1)
			now := filled.Add(time.Duration(n) * time.Minute)
			_, err := jobs.Change(b.Context(), s, filledID(int(n*7919%int64(size))), func(j *jobs.Job) error {
				_, err := j.Take(now, "w", time.Second)
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
