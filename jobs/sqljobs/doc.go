// Package sqljobs keeps jobs in a SQL database: SQLite for one machine,
// PostgreSQL for several.
//
// The program opens the *sql.DB and so imports the driver; this package imports
// none. With modernc.org/sqlite, [SQLiteDSN] gives the data source name:
//
//	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN("jobs.db"))
//	store, err := sqljobs.Open(ctx, db, nil)
//
// # Durability
//
// A job that was created or changed is there after a power loss. For SQLite this
// takes the write-ahead log with synchronous=FULL, and [Open] refuses a database
// that is set otherwise; on PostgreSQL it takes synchronous_commit, which is on
// by default.
//
// # Schema
//
// The table fhirdock_jobs has columns for what is asked for (id, organization,
// state, times, revision) and the whole record as JSON, so that a new field of
// [jobs.Job] needs no migration. Migrations are versioned in the table
// fhirdock_migrations. [Open] runs what is missing; an operator who does not let
// services alter schemas runs [Migrate] apart and sets Options.SkipMigrations.
package sqljobs
