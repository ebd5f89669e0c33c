// Package sqlite opens SQLite job stores by URL, with the driver
// modernc.org/sqlite. Import it for its side effect: it registers sqlite: with
// [jobs.DefaultURLMux].
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

func init() { jobs.DefaultURLMux().Register("sqlite", URLOpener{}) }

// URLOpener opens the URL of a file, such as sqlite:jobs.sqlite or
// sqlite:///var/lib/jobs.sqlite, without parameters. It creates the file if needed; its
// folder must exist.
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *jobs.OpenOptions) (jobs.OpenedStore, error) {
	file, err := File(urlstr)
	if err != nil {
		return nil, err
	}
	return Open(ctx, file, opts)
}

// File returns the file name in a sqlite: URL. URLs with parameters are rejected.
func File(urlstr string) (string, error) {
	file, ok := strings.CutPrefix(urlstr, "sqlite:")
	file = strings.TrimPrefix(file, "//")
	if !ok || file == "" || strings.ContainsAny(file, "?#") {
		return "", errors.New("sqlite: the URL must be sqlite: and the name of a file, without parameters")
	}
	return filepath.FromSlash(file), nil
}

// Open opens the Store in a file. It creates the file if needed; its folder must exist.
// opts may be nil.
func Open(ctx context.Context, file string, opts *jobs.OpenOptions) (jobs.OpenedStore, error) {
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(file))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", file, err)
	}
	db.SetMaxIdleConns(12)
	store, err := sqljobs.Open(ctx, db, &sqljobs.Options{SkipMigrations: opts != nil && opts.SkipMigrations})
	if err != nil { // SQLite's errors don't name the file
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", file, err), db.Close())
	}
	return &openedStore{store, db}, nil
}

type openedStore struct {
	*sqljobs.Store
	db *sql.DB
}

func (s *openedStore) Close() error { return s.db.Close() }
