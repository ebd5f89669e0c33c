// Package sqljobs keeps jobs in a SQL database: SQLite for one machine,
// PostgreSQL, from 12 on, for several.
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
// # Many at once
//
// Calls that come while others are under way share the next trip to the database
// and its transaction. Each is answered as if it had been made alone: what one call
// is refused for fails no other. On PostgreSQL calls for one job, however many wait,
// use at most sixteen connections; a pool that keeps as many idle
// (SetMaxIdleConns; the default is two) does not open them again and again.
//
// Several sweepers may ask for what is due and get the same jobs. A lock that lasts
// as long as the question (SKIP LOCKED) would not keep them apart, and one that
// lasts longer would be a second lease beside the job's own. Whoever changes a job
// first wins, since an update needs the revision that was read, and the others read
// that somebody did. So each sweeper costs what one alone does, and none does a
// thing that was done.
//
// # Failover
//
// A PostgreSQL session that began on a standby, or while the server was read-only, may
// stay read-only after the failover. The store closes a connection whose session refuses
// a write (SQLSTATE 25006) and tries others. With pgx, set target_session_attrs=read-write
// in the URL so that no such session begins, and connect_timeout; let connections end
// after some minutes (SetConnMaxLifetime), so that none stays with a server that the name
// of the host no longer means; and bound their number (SetMaxOpenConns, 32 is enough).
// A statement that gets no answer ends after Options.Timeout.
//
// # Connection poolers
//
// PgBouncer in transaction mode works from 1.21 on, with max_prepared_statements; before
// that, with default_query_exec_mode=exec in pgx's URL. Otherwise errors are [ErrPooler].
//
// # Schema
//
// The table fhirdock_jobs has columns for what is asked for (id, organization,
// state, times, revision) and the whole record as JSON, so that a new field of
// [jobs.Job] needs no migration. Migrations are versioned in the table
// fhirdock_migrations. [Open] runs what is missing, in one transaction, on PostgreSQL
// under an advisory lock that ends with it. An operator who does not let services alter
// schemas runs [Migrate] apart and sets Options.SkipMigrations; then Open alters nothing.
package sqljobs
