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
	if err := checkVersion(ctx, p, false); err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("sqljobs: migrate: %w", err)
	}
	return nil
}

func provider(db *sql.DB, dialect Dialect) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+string(dialect))
	if err != nil {
		return nil, fmt.Errorf("sqljobs: %w", err)
	}
	gooseDialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName("fhirdock_migrations")}
	if dialect == PostgreSQL {
		gooseDialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // look each second, for five minutes
		if err != nil {
			return nil, fmt.Errorf("sqljobs: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(gooseDialect, db, files, options...)
	if err != nil {
		return nil, fmt.Errorf("sqljobs: %w", err)
	}
	return p, nil
}

// checkVersion compares the database with this program. complete says that no
// migration may be missing either.
func checkVersion(ctx context.Context, p *goose.Provider, complete bool) error {
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("sqljobs: read the schema's version: %w", err)
	}
	switch {
	case current > target:
		return fmt.Errorf("%w: it has %d, and this program knows %d; use a newer program", ErrSchema, current, target)
	case complete && current < target:
		return fmt.Errorf("%w: it has %d, and this program needs %d; run the migrations first", ErrSchema, current, target)
	}
	return nil
}
