// Package sqljobs keeps jobs in a SQL database: SQLite on one machine, PostgreSQL 12 or
// later for several.
//
// This package imports no driver: the program does, and opens the *sql.DB. With
// modernc.org/sqlite, [SQLiteDSN] returns the data source name:
//
//	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN("jobs.db"))
//	store, err := sqljobs.Open(ctx, db, nil)
//
// # Durability
//
// Acknowledged changes survive a power loss. On SQLite this needs the write-ahead log with
// synchronous=FULL; [Open] returns an error for other settings. On PostgreSQL it needs
// synchronous_commit, which is on by default.
//
// # Concurrency
//
// Calls that arrive while others are in progress share the next round trip and
// transaction. They don't affect each other: a call whose values the database refuses
// fails alone. On PostgreSQL, calls for single jobs use at most eight connections. Call
// SetMaxIdleConns(16), because the default of two makes the pool reopen them all the time.
//
// Several sweepers may get the same jobs from Due. The first to update a job wins, because
// an update compares the revision, and the others get a conflict. Locks would not help:
// one that lasts as long as the query (SKIP LOCKED) would not keep sweepers apart, and a
// longer one would be a second lease.
//
// # Failover
//
// A PostgreSQL session that began on a standby, or while the server was read-only, may
// stay read-only after the failover. The store closes a connection whose session refuses
// a write (SQLSTATE 25006) and tries others. With pgx, set target_session_attrs=read-write
// in the URL, so that no such session begins, and connect_timeout. Limit the lifetime of
// connections to some minutes (SetConnMaxLifetime), so that they follow changes of the host
// name, and their number (SetMaxOpenConns; 32 is enough). A statement without an answer
// fails after Options.Timeout.
//
// # Connection poolers
//
// PgBouncer in transaction mode works from version 1.21 on with max_prepared_statements,
// and in any version with default_query_exec_mode=exec in pgx's URL. Otherwise calls fail
// with [ErrPooler].
//
// # Schema
//
// The table fhirdock_jobs has columns for queries (id, organization, state, times,
// revision) and the whole record as JSON, so that a new field of [jobs.Job] needs no
// migration. The table fhirdock_migrations has the version of the schema. [Open] runs
// missing migrations in one transaction, on PostgreSQL under an advisory lock. If services
// must not alter the schema, run [Migrate] separately and set Options.SkipMigrations.
package sqljobs
