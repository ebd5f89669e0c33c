package sqljobs_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// writeAsBefore writes a job as earlier versions do, without not_before.
func writeAsBefore(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, job *jobs.Job) {
	t.Helper()
	record, err := json.Marshal(job)
	require.NoError(t, err)
	var due any
	if !job.DueAt.IsZero() {
		due = job.DueAt.UnixMicro()
	}
	query := "INSERT INTO fhirdock_jobs (id, organization_id, state, created_at, due_at, revision, record) VALUES (%s, %s, %s, %s, %s, 1, %s) " +
		"ON CONFLICT (id) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, revision = fhirdock_jobs.revision + 1, record = excluded.record"
	places := []any{"?1", "?2", "?3", "?4", "?5", "?6"}
	if dialect == sqljobs.PostgreSQL {
		places = []any{"$1", "$2", "$3", "$4", "$5", "$6"}
	}
	_, err = db.ExecContext(t.Context(), fmt.Sprintf(query, places...), job.ID, job.OrganizationID, string(job.State), job.CreatedAt.UnixMicro(), due, string(record))
	require.NoError(t, err)
}

var mixedNow = time.Now().UTC().Truncate(time.Second)

func mixedJob(n int) *jobs.Job {
	at := mixedNow.Add(time.Duration(n-100) * time.Second)
	return &jobs.Job{ID: jobs.NewID(), OrganizationID: "a", State: jobs.Accepted, MaxAttempts: 3, CreatedAt: at, UpdatedAt: at, DueAt: at}
}

func claimMixed(j *jobs.Job) error {
	if j.State == jobs.Cancelled {
		return j.Clear(mixedNow, time.Minute)
	}
	_, err := j.Take(mixedNow, "w", time.Minute)
	return err
}

// Jobs in back-off written by an earlier version, whose columns say that they are ready,
// don't hide ready jobs.
func TestNextWithEarlierVersion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, s *sqljobs.Store) {
		for n := range 20 {
			job := mixedJob(n)
			if n%2 == 1 { // was in back-off before, written by this version
				job.NotBefore = mixedNow.Add(-time.Minute)
				require.NoError(t, s.Create(t.Context(), job))
			}
			job.NotBefore = mixedNow.Add(time.Hour)
			job.DueAt, job.StartedAt = job.NotBefore, job.CreatedAt
			writeAsBefore(t, db, dialect, job)
		}
		ready, back := mixedJob(30), mixedJob(40)
		writeAsBefore(t, db, dialect, ready)
		back.NotBefore = mixedNow.Add(-time.Second) // its back-off is over
		writeAsBefore(t, db, dialect, back)

		q := jobs.NextQuery{Now: mixedNow, Limit: 4}
		found, err := s.Next(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, ready.ID, found[0].ID)
		q.Claim, q.PerOrganization = claimMixed, 4
		found, err = s.Next(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, []string{ready.ID, back.ID}, []string{found[0].ID, found[1].ID})
		q.Now = mixedNow.Add(time.Hour) // all other back-offs are over
		q.Limit, q.PerOrganization, q.Claim = 50, 50, nil
		found, err = s.Next(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, found, 20)
	})
}

// They don't hide later organizations either, for any limit.
func TestNextOfManyWithEarlierVersion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, s *sqljobs.Store) {
		inTurn := map[int][]string{} // after e, by PerOrganization
		for _, org := range []string{"f", "g", "h", "a", "b", "c", "d", "e"} {
			var ready []string // the oldest first
			for n := 3; n >= 0; n-- {
				job := mixedJob(n)
				job.OrganizationID = org
				if n < 3 && org != "h" { // all of h are ready
					job.NotBefore = mixedNow.Add(time.Hour)
				}
				writeAsBefore(t, db, dialect, job)
				if job.NotBefore.IsZero() {
					ready = append([]string{job.ID}, ready...)
				}
			}
			for _, each := range []int{1, 3} {
				inTurn[each] = append(inTurn[each], ready[:min(each, len(ready))]...)
			}
		}
		for each, want := range inTurn {
			for limit := 1; limit <= 12; limit++ {
				found, err := s.Next(t.Context(), jobs.NextQuery{Now: mixedNow, After: "e", Limit: limit, PerOrganization: each})
				require.NoError(t, err)
				var got []string
				for _, job := range found {
					got = append(got, job.ID)
				}
				require.Equal(t, want[:min(limit, len(want))], got, "limit %d, %d of each", limit, each)
			}
		}
	})
}

// With Ordered, the oldest job holds back the others even if only its record says that it
// is in back-off.
func TestOrderWithEarlierVersion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, s *sqljobs.Store) {
		first, second := mixedJob(1), mixedJob(2)
		first.NotBefore = mixedNow.Add(time.Hour)
		writeAsBefore(t, db, dialect, first)
		writeAsBefore(t, db, dialect, second)
		q := jobs.NextQuery{Now: mixedNow, Limit: 4, Order: jobs.Ordered, Claim: claimMixed}
		found, err := s.Next(t.Context(), q)
		require.NoError(t, err)
		require.Empty(t, found)
		q.Now, q.Claim = mixedNow.Add(time.Hour), nil
		found, err = s.Next(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, first.ID, found[0].ID)
	})
}

// A job cancelled by an earlier version is next after the sweeper has moved its due time.
func TestCancelledByEarlierVersion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, db *sql.DB, dialect sqljobs.Dialect, s *sqljobs.Store) {
		job := mixedJob(1)
		job.StartedAt = job.CreatedAt
		require.NoError(t, job.Cancel(mixedNow))
		job.DueAt = mixedNow // as earlier versions set it
		writeAsBefore(t, db, dialect, job)
		due, err := s.Due(t.Context(), mixedNow, 5)
		require.NoError(t, err)
		require.Len(t, due, 1)
		require.NoError(t, due[0].Postpone(mixedNow, mixedNow.Add(jobs.Overdue)))
		require.NoError(t, s.Update(t.Context(), due[0]))
		found, err := s.Next(t.Context(), jobs.NextQuery{Now: mixedNow, Claim: claimMixed})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, jobs.Cancelled, found[0].State)
	})
}

// The third migration converts jobs that wait, are in back-off or need clean-up, so that
// Next finds them. Its down migration converts them back for earlier versions.
func TestMigrationOfWaitingJobs(t *testing.T) {
	databases(t, func(t *testing.T, dialect sqljobs.Dialect, open func() *sql.DB) {
		db := open()
		s, err := sqljobs.Open(t.Context(), db, nil)
		require.NoError(t, err)
		run := func(version int, down bool) {
			t.Helper()
			text, err := sqljobs.MigrationForTest(dialect, version, down)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), text)
			require.NoError(t, err)
		}
		run(3, true)

		waiting, backing, clearing, done, working := mixedJob(1), mixedJob(2), mixedJob(3), mixedJob(4), mixedJob(5)
		backing.NotBefore = mixedNow.Add(time.Minute)
		backing.DueAt, backing.StartedAt = backing.NotBefore, backing.CreatedAt
		clearing.StartedAt = clearing.CreatedAt
		require.NoError(t, clearing.Cancel(mixedNow))
		clearing.DueAt = mixedNow
		require.NoError(t, done.Cancel(mixedNow)) // needs no clean-up
		require.True(t, done.DueAt.IsZero())
		_, err = working.Take(mixedNow, "w", time.Minute)
		require.NoError(t, err)
		for _, job := range []*jobs.Job{waiting, backing, clearing, done, working} {
			writeAsBefore(t, db, dialect, job)
		}

		for range 2 { // up, down and up again
			run(3, false)
			all := jobs.NextQuery{Now: mixedNow, Limit: 9, PerOrganization: 9}
			found, err := s.Next(t.Context(), all)
			require.NoError(t, err)
			require.Len(t, found, 2)
			require.Equal(t, []string{waiting.ID, clearing.ID}, []string{found[0].ID, found[1].ID})
			all.Now = backing.NotBefore
			found, err = s.Next(t.Context(), all)
			require.NoError(t, err)
			require.Len(t, found, 3)
			due, err := s.Due(t.Context(), mixedNow.Add(time.Hour), 9)
			require.NoError(t, err)
			require.Len(t, due, 1, "only the lease")
			require.Equal(t, working.ID, due[0].ID)

			run(3, true)
			// The query of earlier versions' sweepers.
			rows, err := db.QueryContext(t.Context(), fmt.Sprintf("SELECT id FROM fhirdock_jobs WHERE due_at <= %d", mixedNow.UnixMicro()))
			require.NoError(t, err)
			ids := map[string]bool{}
			for rows.Next() {
				var id string
				require.NoError(t, rows.Scan(&id))
				ids[id] = true
			}
			require.NoError(t, rows.Err())
			require.Equal(t, map[string]bool{waiting.ID: true, backing.ID: true, clearing.ID: true}, ids)
		}
		_, err = s.Next(t.Context(), jobs.NextQuery{Now: mixedNow})
		require.Error(t, err, "without the column")
		require.False(t, errors.Is(err, jobs.ErrRecord))
	})
}
