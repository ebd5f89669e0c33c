// Package pgx opens PostgreSQL job stores by URL, with the driver
// github.com/jackc/pgx/v5. Import it for its side effect: it registers postgres:// and
// postgresql:// with [jobs.DefaultURLMux].
package pgx

import (
	"context"
	"errors"
	"fmt"

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
// seconds. A Store has up to 32 connections, each open for up to 5 minutes. Package
// ingest/backends gives the topic of queue/pgnotify the same ones, if its URL differs in
// nothing but its channel.
type URLOpener struct{}

// OpenStoreURL implements [jobs.URLOpener].
func (URLOpener) OpenStoreURL(ctx context.Context, urlstr string, opts *jobs.OpenOptions) (jobs.OpenedStore, error) {
	db, release, err := pgurl.OpenDB(ctx, urlstr)
	if err != nil {
		return nil, fmt.Errorf("pgx: open store: %w", err)
	}
	store, err := sqljobs.Open(ctx, db, &sqljobs.Options{SkipMigrations: opts.SkipMigrations})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pgx: open store: %w", err), release())
	}
	return &openedStore{store, release}, nil
}

type openedStore struct {
	*sqljobs.Store
	release func() error
}

func (s *openedStore) Close() error { return s.release() }
