package sqljobs

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// ErrSchema: the database's schema is newer than this program, or lacks
// migrations.
var ErrSchema = errors.New("sqljobs: the schema is of another version")

// Migrate runs the migrations that the database lacks. Several processes may
// call it at once: on PostgreSQL one runs them under an advisory lock while the
// others wait; on SQLite whoever comes late finds them done. ErrSchema if the
// schema is newer than this program.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect) error {
	if db == nil {
		return errors.New("sqljobs: Migrate needs a database")
	}
	if err := dialect.check(); err != nil {
		return err
	}
	return again(ctx, dialect, func() error { return migrate(ctx, db, dialect) })
}

// again repeats what processes that start together on a new SQLite database may
// take from each other: the change to the write-ahead log, for which SQLite does
// not always wait, and a migration, which whoever comes late finds half done and
// then finished. On PostgreSQL a lock keeps them apart.
func again(ctx context.Context, dialect Dialect, do func() error) error {
	tries := 1
	if dialect == SQLite {
		tries = 10
	}
	for try := 1; ; try++ {
		err := do()
		if err == nil || errors.Is(err, ErrSchema) || try == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try) * 20 * time.Millisecond):
		}
	}
}

func migrate(ctx context.Context, db *sql.DB, dialect Dialect) error {
	p, err := provider(db, dialect)
	if err != nil {
		return err
	}
	current, target, err := versions(ctx, db, dialect, p)
	if err != nil || current == target {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("sqljobs: migrate: %w", err)
	}
	return nil
}

// checkMigrated returns ErrSchema unless the schema is this program's. It changes
// nothing in the database.
func checkMigrated(ctx context.Context, db *sql.DB, dialect Dialect) error {
	p, err := provider(db, dialect)
	if err != nil {
		return err
	}
	current, target, err := versions(ctx, db, dialect, p)
	if err == nil && current < target {
		err = fmt.Errorf("%w: it has %d, and this program needs %d; run the migrations first", ErrSchema, current, target)
	}
	return err
}

const versionTable = "fhirdock_migrations"

func provider(db *sql.DB, dialect Dialect) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+string(dialect))
	if err != nil {
		return nil, fmt.Errorf("sqljobs: %w", err)
	}
	gooseDialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName(versionTable)}
	if dialect == PostgreSQL {
		gooseDialect = goose.DialectPostgres
		options = append(options, goose.WithSessionLocker(advisoryLock{}))
	}
	p, err := goose.NewProvider(gooseDialect, db, files, options...)
	if err != nil {
		return nil, fmt.Errorf("sqljobs: %w", err)
	}
	return p, nil
}

// advisoryLock lets one session migrate at a time, in each schema. The others wait
// in the server, until their context ends; a session that dies gives it back.
type advisoryLock struct{}

const advisoryKey = "hashtextextended('" + versionTable + " ' || coalesce(current_schema(), ''), 0)"

// SessionLock implements [lock.SessionLocker].
func (advisoryLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+advisoryKey+")")
	return err
}

// SessionUnlock implements [lock.SessionLocker].
func (advisoryLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+advisoryKey+")")
	return err
}

var _ lock.SessionLocker = advisoryLock{}

// versions returns the schema's version, 0 if there is none, and the one that this
// program needs; ErrSchema if the first is higher. goose would make its table to
// answer that, without the lock, and where the program may not alter schemas.
func versions(ctx context.Context, db *sql.DB, dialect Dialect, p *goose.Provider) (current, target int64, err error) {
	there := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '" + versionTable + "'"
	if dialect == PostgreSQL {
		there = "SELECT count(to_regclass('" + versionTable + "'))"
	}
	var tables int
	err = db.QueryRowContext(ctx, there).Scan(&tables)
	if err == nil && tables > 0 {
		err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable).Scan(&current)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("sqljobs: read the schema's version: %w", err)
	}
	sources := p.ListSources()
	target = sources[len(sources)-1].Version
	if current > target {
		err = fmt.Errorf("%w: it has %d, and this program knows %d; use a newer program", ErrSchema, current, target)
	}
	return current, target, err
}
