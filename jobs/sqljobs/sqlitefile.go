package sqljobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// sqliteFile is the file of a SQLite database as it was opened. The zero value is a
// database in memory.
type sqliteFile struct {
	path string
	info fs.FileInfo
}

// openedFile returns the file of an open database. It removes other users' permissions on
// the file, its log and its index, because they contain health data. In a database that
// has tables, it leaves the group's permissions as the operator set them.
func openedFile(ctx context.Context, db *sql.DB) (sqliteFile, error) {
	var f sqliteFile
	var tables int
	err := db.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&f.path)
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables)
	}
	if err != nil {
		return f, fmt.Errorf("sqljobs: read the database's file name: %w", err)
	}
	if f.path == "" {
		return f, nil
	}
	kept := fs.FileMode(0o770)
	if tables == 0 {
		kept = 0o700
	}
	// The log and the index inherit the database's permissions, and may be created or
	// removed at any time.
	for _, path := range []string{f.path, f.path + "-wal", f.path + "-shm"} {
		if err := closeToOthers(path, kept); err != nil && (path == f.path || !errors.Is(err, fs.ErrNotExist)) {
			return f, fmt.Errorf("sqljobs: other users can read %s and its permissions can't be changed: run chmod 600 on it: %w", path, err)
		}
	}
	if f.info, err = os.Stat(f.path); err != nil {
		return f, fmt.Errorf("sqljobs: open database: %w", err)
	}
	return f, nil
}

// closeToOthers removes all permissions except kept.
func closeToOthers(path string, kept fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // permissions are inherited from the folder
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^kept == 0 {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&kept)
}

// probeSize is how much space must be free for the log, in bytes. Most commits need less.
const probeSize = 64 << 10

var errReplaced = errors.New("its file was removed or replaced since it was opened, so writes are lost: restore the file and restart the program")

// check returns an error if the file was removed or replaced, or if the disk is full.
// SQLite notices neither in time.
func (f sqliteFile) check() error {
	if f.info == nil {
		return nil
	}
	switch now, err := os.Stat(f.path); {
	case errors.Is(err, fs.ErrNotExist):
		return errReplaced
	case err != nil:
		return err
	case !os.SameFile(f.info, now):
		return errReplaced
	}
	// With a fixed name, so that a crash leaves at most one probe.
	probe, err := os.OpenFile(f.path+"-probe", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = probe.Write(make([]byte, probeSize))
	err = errors.Join(err, probe.Close())
	// Another process may have removed it.
	if removed := os.Remove(probe.Name()); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}
