// Package pgx opens PostgreSQL job stores by URL, with the driver
// github.com/jackc/pgx/v5. Import it for its side effect: it registers postgres:// and
// postgresql:// with [jobs.DefaultURLMux].
package pgx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/fhirdock/fhirdock/internal/pgurl"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

func init() {
	jobs.DefaultURLMux().Register("postgres", URLOpener{})
	jobs.DefaultURLMux().Register("postgresql", URLOpener{})
}

// URLOpener opens libpq URLs: postgres://USER:PASSWORD@HOST:5432/DATABASE and parameters.
// Unless the URL or the PG… variables say otherwise, it connects only to a server that
// accepts writes (target_session_attrs=read-write), and connecting takes at most 5
// seconds. A Store has up to 32 connections, each open for up to 5 minutes.
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *jobs.OpenOptions) (jobs.OpenedStore, error) {
	config, err := pgurl.Parse(urlstr)
	if err != nil {
		return nil, fmt.Errorf("open the job store: %w", err)
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(16) // as many as the store's concurrent writes; the default is 2
	db.SetConnMaxLifetime(pgurl.ConnLifetime)
	store, err := sqljobs.Open(ctx, db, &sqljobs.Options{SkipMigrations: opts.SkipMigrations})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the job store: %w", err), db.Close())
	}
	return &openedStore{store, db}, nil
}

type openedStore struct {
	*sqljobs.Store
	db *sql.DB
}

func (s *openedStore) Close() error { return s.db.Close() }
