package backends

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // postgres://
	_ "modernc.org/sqlite"             // sqlite:

	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

var errJobs = errors.New("the job store's URL must be sqlite:FILE or begin with postgres://: no other driver is linked in")

func (b *Backends) openJobs(ctx context.Context, c Config) error {
	db, what, err := openDatabase(c)
	if err != nil {
		return err
	}
	db.SetMaxIdleConns(12) // as many as the store has in use at once; the default is 2
	b.closeLater(func(context.Context) error { return db.Close() })
	store, err := sqljobs.Open(ctx, db, &sqljobs.Options{SkipMigrations: c.SkipMigrations})
	if err != nil {
		return fmt.Errorf("open %s: %w", what, err)
	}
	b.Jobs = store
	return nil
}

// Migrate changes the schema of the job store to what this program needs, and
// nothing else.
func Migrate(ctx context.Context, c Config) error {
	if c.Jobs == "" {
		if err := prepare(c.Data); err != nil {
			return err
		}
	}
	db, what, err := openDatabase(c)
	if err != nil {
		return err
	}
	if _, err = sqljobs.Open(ctx, db, nil); err != nil {
		err = fmt.Errorf("migrate %s: %w", what, err)
	}
	return errors.Join(err, db.Close())
}

// openDatabase opens the database of the job store, and says what to call it in an
// error.
func openDatabase(c Config) (db *sql.DB, what string, err error) {
	driver, dsn, file, err := database(c)
	if err != nil {
		return nil, "", fmt.Errorf("open the job store: %w", err)
	}
	what = "the job store"
	if file != "" { // SQLite's own errors do not say which
		if abs, err := filepath.Abs(file); err == nil {
			file = abs
		}
		what += " " + file
	}
	if db, err = sql.Open(driver, dsn); err != nil {
		return nil, "", fmt.Errorf("open %s: %w", what, err)
	}
	return db, what, nil
}

// database says with which driver to open what. file is the database's, if it
// is one in a file.
func database(c Config) (driver, dsn, file string, err error) {
	if c.Jobs == "" {
		file = filepath.Join(c.Data, "jobs.sqlite")
		return "sqlite", sqljobs.SQLiteDSN(file), file, nil
	}
	switch scheme(c.Jobs) {
	case "sqlite":
		// sqlite:jobs.db, sqlite:/var/lib/jobs.db, sqlite:///var/lib/jobs.db
		file = strings.TrimPrefix(strings.TrimPrefix(c.Jobs, "sqlite:"), "//")
		if file == "" || strings.ContainsAny(file, "?#") {
			return "", "", "", errors.New("sqlite: takes the name of a file and no parameters")
		}
		return "sqlite", sqljobs.SQLiteDSN(file), file, nil
	case "postgres", "postgresql":
		if _, err := pgx.ParseConfig(c.Jobs); err != nil {
			return "", "", "", errNotPostgres
		}
		return "pgx", c.Jobs, "", nil
	}
	return "", "", "", errJobs
}
