package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs/sqlite"
)

func TestFile(t *testing.T) {
	for urlstr, want := range map[string]string{
		"sqlite:jobs.db": "jobs.db", "sqlite:/var/jobs.db": "/var/jobs.db", "sqlite:///var/jobs.db": "/var/jobs.db",
	} {
		got, err := sqlite.File(urlstr)
		require.NoError(t, err, urlstr)
		require.Equal(t, filepath.FromSlash(want), got)
	}
	for _, urlstr := range []string{"sqlite:", "sqlite://", "sqlite:a.db?mode=memory", "postgres://h/d", "a.db"} {
		_, err := sqlite.File(urlstr)
		require.Error(t, err, urlstr)
	}
}

// Jobs are still there after reopening. SkipMigrations fails without a schema.
func TestOpen(t *testing.T) {
	urlstr := "sqlite:" + filepath.ToSlash(filepath.Join(t.TempDir(), "jobs.sqlite"))
	_, err := jobs.Open(t.Context(), urlstr, &jobs.OpenOptions{SkipMigrations: true})
	require.ErrorContains(t, err, "jobs.sqlite")
	job := &jobs.Job{ID: jobs.NewID(), OrganizationID: "o", State: jobs.Accepted}
	for range 2 {
		store, err := jobs.Open(t.Context(), urlstr, nil)
		require.NoError(t, err)
		if _, err := store.Get(t.Context(), job.ID); err != nil {
			require.ErrorIs(t, err, jobs.ErrNotFound)
			require.NoError(t, store.Create(t.Context(), job))
		}
		require.NoError(t, store.Close())
	}
}
