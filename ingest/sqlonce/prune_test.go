package sqlonce_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest/internal/batchkey"
	"github.com/fhirdock/fhirdock/jobs"
)

// away is a store that fails to read one job.
type away struct {
	jobs.Store
	id string
}

func (a away) Get(ctx context.Context, id string) (*jobs.Job, error) {
	if id == a.id {
		return nil, errors.New("away")
	}
	return a.Store.Get(ctx, id)
}

func TestPruneFinished(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		ctx, old := t.Context(), time.Now().AddDate(0, 0, -10)
		store := jobs.NewMemStore()
		keys := map[string]string{} // by description
		add := func(name string, job *jobs.Job, run int, at time.Time, prefix string) {
			key := prefix + batchkey.Format(&jobs.Job{ID: job.ID, Run: run}, 0, 10)
			_, err := db.ExecContext(ctx, claim[db.driver], key, at.UnixMicro())
			require.NoError(t, err)
			keys[name] = key
		}
		create := func(state jobs.State, run int) *jobs.Job {
			job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "a", State: state, Run: run}
			require.NoError(t, store.Create(ctx, job))
			return job
		}
		for _, state := range jobs.States() {
			add(string(state), create(state, 0), 0, old, "")
		}
		add("completed, prefixed", create(jobs.Completed, 0), 0, old, "lab:")
		add("failed, prefixed", create(jobs.Failed, 0), 0, old, "lab:")
		add("completed recently", create(jobs.Completed, 0), 0, time.Now(), "")
		redriven := create(jobs.Processing, 1)
		add("the run before", redriven, 0, old, "")
		add("the run", redriven, 1, old, "")
		add("no such job", &jobs.Job{ID: jobs.NewID()}, 0, old, "")
		unreadable := create(jobs.Completed, 0)
		add("unreadable", unreadable, 0, old, "")
		_, err := db.ExecContext(ctx, claim[db.driver], "of another form", old.UnixMicro())
		require.NoError(t, err)
		keys["of another form"] = "of another form"
		finished := create(jobs.Completed, 0)
		tx := db.begin(t, nil)
		for i := range 2500 { // many keys of one job with the same time
			_, err := tx.ExecContext(ctx, claim[db.driver], fmt.Sprintf("%s.0/%d-%d", finished.ID, i, i+1), old.UnixMicro())
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit())

		n, err := db.keys.PruneFinished(ctx, away{store, unreadable.ID}, time.Now().AddDate(0, 0, -1))
		require.ErrorContains(t, err, "away")
		require.EqualValues(t, 2505, n)
		for name, goes := range map[string]bool{
			"completed": true, "cancelled": true, "completed, prefixed": true, "the run before": true, "no such job": true,
			"failed": false, "failed, prefixed": false, "accepted": false, "processing": false, "awaiting_upload": false, "expired": false,
			"completed recently": false, "the run": false, "unreadable": false, "of another form": false,
		} {
			first, err := db.handle(ctx, keys[name], nil)
			require.NoError(t, err)
			require.Equal(t, goes, first, name)
		}
		_, err = db.keys.PruneFinished(ctx, nil, time.Now())
		require.ErrorContains(t, err, "needs the job store")
	})
}

// Migrate upgrades a table of an earlier version, which has no rejections.
func TestMigrateOlderTable(t *testing.T) {
	each(t, func(t *testing.T, db *database) {
		if db.driver == "mysql" {
			t.Skip("no earlier version supported it")
		}
		_, err := db.ExecContext(t.Context(), "ALTER TABLE fhirdock_once DROP COLUMN rejected")
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), claim[db.driver], "job.0/0-10", time.Now().UnixMicro())
		require.NoError(t, err)
		again := open(t, db.driver, db.dsn)
		again.patients(t)
		b := batch(3)
		b.Key = "job.0/0-10"
		require.NoError(t, again.keys.Each(t.Context(), b, again.insert))
		require.Empty(t, again.ids(t), "the effects were made before")
		require.NoError(t, again.keys.Each(t.Context(), batch(3), again.insert))
		require.Len(t, again.ids(t), 3)
	})
}
