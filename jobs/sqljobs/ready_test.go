package sqljobs_test

import (
	"context"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// openFile opens a store on a file, and another connection to it.
func openFile(t *testing.T, path string) (*sqljobs.Store, *sql.DB) {
	t.Helper()
	open := func() *sql.DB {
		db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(path))
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	s, err := sqljobs.Open(t.Context(), open(), nil)
	require.NoError(t, err)
	return s, open()
}

func readyWithin(t *testing.T, s jobs.Store, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return s.Ready(ctx)
}

func TestReadyDetectsLock(t *testing.T) {
	s, other := openFile(t, filepath.Join(t.TempDir(), "jobs.db"))
	require.NoError(t, readyWithin(t, s, 5*time.Second))
	tx, err := other.BeginTx(t.Context(), nil) // takes the write lock at once
	require.NoError(t, err)
	require.ErrorIs(t, readyWithin(t, s, 200*time.Millisecond), context.DeadlineExceeded)
	require.NoError(t, tx.Rollback())
	require.NoError(t, readyWithin(t, s, 15*time.Second))
}

func TestReadyDetectsRemovedDatabase(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: an open file can't be removed on this system")
	}
	path := filepath.Join(t.TempDir(), "jobs.db")
	s, _ := openFile(t, path)
	require.NoError(t, os.Rename(path, path+".away"))
	require.ErrorContains(t, s.Ready(t.Context()), "removed or replaced")
	require.NoError(t, os.WriteFile(path, nil, 0o600)) // another file with its name
	require.ErrorContains(t, s.Ready(t.Context()), "removed or replaced")
	require.NoError(t, os.Rename(path+".away", path))
	require.NoError(t, s.Ready(t.Context()))
	require.NoFileExists(t, path+"-probe")
}

// Only its owner can access a new database and its log, whatever the umask. The group's
// permissions on an existing database are kept.
func TestOthersCantReadTheDatabase(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: no Unix permissions on this system")
	}
	path := filepath.Join(t.TempDir(), "jobs.db")
	s, _ := openFile(t, path)
	require.NoError(t, s.Create(t.Context(), &jobs.Job{ID: jobs.NewID(), OrganizationID: "a", State: jobs.Accepted, CreatedAt: time.Now()}))
	permissions := func() (all []fs.FileMode) {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			require.NoError(t, err)
			all = append(all, info.Mode().Perm())
		}
		return all
	}
	require.Equal(t, []fs.FileMode{0o600, 0o600, 0o600}, permissions())

	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Chmod(path+suffix, 0o644))
	}
	openFile(t, path)
	require.Equal(t, []fs.FileMode{0o640, 0o640, 0o640}, permissions())
}
