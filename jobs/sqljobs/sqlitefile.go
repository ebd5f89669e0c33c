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

// sqliteFile is the file of a SQLite database, as it was when it was opened. The zero
// value is a database without one, in memory.
type sqliteFile struct {
	path string
	info fs.FileInfo
}

// openedFile returns the file of an open database, and makes sure that other users of
// the machine can't read it, nor the log and the index beside it: there is health data
// in them. What the operator let the group do in a database that has tables stays as
// it is.
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
	// The log and the index take the database's permissions when they are made, and may
	// come and go meanwhile.
	for _, path := range []string{f.path, f.path + "-wal", f.path + "-shm"} {
		if err := closeToOthers(path, kept); err != nil && (path == f.path || !errors.Is(err, fs.ErrNotExist)) {
			return f, fmt.Errorf("sqljobs: others on this machine may read %s, and that can't be changed here; run chmod 600 on it: %w", path, err)
		}
	}
	if f.info, err = os.Stat(f.path); err != nil {
		return f, fmt.Errorf("sqljobs: open database: %w", err)
	}
	return f, nil
}

// closeToOthers takes away all permissions but those that are kept.
func closeToOthers(path string, kept fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // permissions are inherited from the folder there
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^kept == 0 {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&kept)
}

// probeSize is how much room there must be beside the database, in bytes: its log
// grows by less than that with most commits.
const probeSize = 64 << 10

var errReplaced = errors.New("its file was removed or replaced since it was opened: what is written now is lost; restart the program once the file is back")

// check reports whether the file is still the one that was opened, and whether there
// is room beside it. SQLite itself notices neither before it is too late.
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
	// Always under one name, so that a crash leaves at most one.
	probe, err := os.OpenFile(f.path+"-probe", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = probe.Write(make([]byte, probeSize))
	err = errors.Join(err, probe.Close())
	// Of several processes another one may have removed it.
	if removed := os.Remove(probe.Name()); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}
