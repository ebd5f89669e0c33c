package backends

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // sqlite:

	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

var errJobs = errors.New("the job store's URL must be sqlite:FILE or mem:, or begin with postgres://, dynamodb://, firestore:// or mongo://: no other driver is linked in")

// JobsHelp says for a flag what [Config.Jobs] may be.
const JobsHelp = "sqlite:FILE, postgres://… or mem:;\n" +
	"dynamodb://TABLE?region=REGION;\n" +
	"firestore://projects/PROJECT/databases/(default)/documents/COLLECTION;\n" +
	"or mongo://DATABASE/COLLECTION, with MONGO_SERVER_URL in the environment. Tables and\n" +
	"indexes are on the drivers' pages in jobs/docjobs/drivers; credentials are those of the\n" +
	"environment, as the cloud's SDK finds them"

// docStore is a job store in a document database.
type docStore interface {
	jobs.Store
	io.Closer
}

// docDriver opens one. A file of its own has each driver, and nothing else imports
// what it needs.
type docDriver func(context.Context, Config) (docStore, error)

// docDrivers by the schemes of their URLs.
var docDrivers = map[string]docDriver{"dynamodb": dynamoJobs, "firestore": firestoreJobs, "mongo": mongoJobs}

// openedStore has a driver's store as the interface that all of them are.
func openedStore[S docStore](store S, err error) (docStore, error) {
	if err != nil {
		return nil, err // and not an interface that holds nil
	}
	return store, nil
}

// OpenJobs opens the job store alone, for a program that looks at jobs.
func OpenJobs(ctx context.Context, c Config) (*Backends, error) {
	b := &Backends{}
	if err := b.openJobs(ctx, c); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

func (b *Backends) openJobs(ctx context.Context, c Config) error {
	if open := docDrivers[scheme(c.Jobs)]; open != nil {
		store, err := open(ctx, c)
		if err != nil {
			return fmt.Errorf("open the job store: %w", err)
		}
		b.closeLater(func(context.Context) error { return store.Close() })
		b.Jobs = store
		return nil
	}
	if inMemory(c.Jobs) {
		b.Jobs, b.LocalJobs = jobs.NewMemStore(), true
		return nil
	}
	db, what, err := openDatabase(c)
	if err != nil {
		return err
	}
	b.closeLater(func(context.Context) error { return db.Close() })
	store, err := sqljobs.Open(ctx, db, &sqljobs.Options{SkipMigrations: c.SkipMigrations})
	if err != nil {
		return fmt.Errorf("open %s: %w", what, err)
	}
	b.Jobs = store
	if _, _, file, err := database(c); err == nil && file != "" {
		return b.openProcesses(file+"-workers", c.Logger)
	}
	return nil
}

// inMemory: jobs are kept in this process, and end with it.
func inMemory(url string) bool { return url == "mem:" || url == "mem://" }

// Migrate changes the schema of the job store to what this program needs, and
// nothing else. In MongoDB it makes the indexes; the tables and indexes of DynamoDB
// and Firestore are others' to make, and it says whether they are there.
func Migrate(ctx context.Context, c Config) error {
	if open := docDrivers[scheme(c.Jobs)]; open != nil {
		c.SkipMigrations = false
		store, err := open(ctx, c)
		if err != nil {
			return fmt.Errorf("migrate the job store: %w", err)
		}
		return store.Close()
	}
	if inMemory(c.Jobs) {
		return nil
	}
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
	if driver == "pgx" {
		db, err = openPostgres(dsn)
	} else if db, err = sql.Open(driver, dsn); err == nil {
		db.SetMaxIdleConns(12)
	}
	if err != nil {
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
		return "pgx", c.Jobs, "", nil
	}
	return "", "", "", errJobs
}
