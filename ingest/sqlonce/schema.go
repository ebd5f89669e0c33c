package sqlonce

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/fhirdock/fhirdock/internal/sqldialect"
)

// The schema, for operators who don't let services alter it. Running it again does
// nothing. Tables of earlier versions lack the column rejected; [Migrate] adds it.
const (
	SchemaSQLite = `CREATE TABLE IF NOT EXISTS fhirdock_once (
    batch_key  TEXT    NOT NULL PRIMARY KEY,
    claimed_at INTEGER NOT NULL, -- microseconds since 1970
    rejected   TEXT              -- by Keys.Each, as JSON
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fhirdock_once_claimed ON fhirdock_once (claimed_at);`

	SchemaPostgreSQL = `CREATE TABLE IF NOT EXISTS fhirdock_once (
    batch_key  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    claimed_at BIGINT NOT NULL, -- microseconds since 1970
    rejected   TEXT             -- by Keys.Each, as JSON
);
ALTER TABLE fhirdock_once ADD COLUMN IF NOT EXISTS rejected TEXT;
CREATE INDEX IF NOT EXISTS fhirdock_once_claimed ON fhirdock_once (claimed_at);`

	SchemaMySQL = `CREATE TABLE IF NOT EXISTS fhirdock_once (
    batch_key  VARBINARY(255) NOT NULL PRIMARY KEY,
    claimed_at BIGINT NOT NULL, -- microseconds since 1970
    rejected   LONGTEXT CHARACTER SET utf8mb4, -- by Keys.Each, as JSON
    KEY fhirdock_once_claimed (claimed_at)
) ENGINE=InnoDB;`
)

// Statements that claim a key, for programs that don't use database/sql. Run one in the
// handler's transaction with the key and the microseconds since 1970. It changes one row if
// it claims the key, and none if the key was claimed before.
const (
	ClaimSQLite     = `INSERT INTO fhirdock_once (batch_key, claimed_at) VALUES (?, ?) ON CONFLICT (batch_key) DO NOTHING`
	ClaimPostgreSQL = `INSERT INTO fhirdock_once (batch_key, claimed_at) VALUES ($1, $2) ON CONFLICT (batch_key) DO NOTHING`
	ClaimMySQL      = `INSERT IGNORE INTO fhirdock_once (batch_key, claimed_at) VALUES (?, ?)`
)

// statements of Keys for a dialect.
type statements struct {
	claim string
	// begin, finish and read are for Each. The column rejected is empty from the claim to
	// the end of the transaction.
	begin, finish, read string
	// page selects the keys that were claimed before a time, after one of them.
	page string
}

func statementsIn(d sqldialect.Dialect) statements {
	s := statements{
		begin:  `UPDATE fhirdock_once SET rejected = '' WHERE batch_key = ?`,
		finish: `UPDATE fhirdock_once SET rejected = ? WHERE batch_key = ?`,
		read:   `SELECT rejected FROM fhirdock_once WHERE batch_key = ?`,
		page: `SELECT batch_key, claimed_at FROM fhirdock_once
			WHERE claimed_at >= ? AND claimed_at < ? AND (claimed_at > ? OR batch_key > ?)
			ORDER BY claimed_at, batch_key LIMIT ?`,
	}
	switch d {
	case sqldialect.SQLite:
		s.claim = ClaimSQLite
	case sqldialect.PostgreSQL:
		s.claim = ClaimPostgreSQL
	case sqldialect.MySQL:
		s.claim = ClaimMySQL
		// Reads the newest version, even if the transaction's snapshot is older.
		s.read += ` LOCK IN SHARE MODE`
	}
	for _, q := range []*string{&s.begin, &s.finish, &s.read, &s.page} {
		*q = rebind(d, *q)
	}
	return s
}

// rebind replaces the question marks of a statement with the dialect's parameters. No
// statement has one in a string.
func rebind(d sqldialect.Dialect, query string) string {
	if d != sqldialect.PostgreSQL {
		return query
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			fmt.Fprintf(&b, "$%d", i)
		}
		b.WriteString(part)
	}
	return b.String()
}

// migrationLock is the advisory lock for creating the schema on PostgreSQL, where
// concurrent CREATE TABLE statements fail.
const migrationLock = 0x66686972_6f6e6365 // "fhironce"

// Migrate creates the table, or adds what a table of an earlier version lacks. Several
// processes may call it concurrently.
func Migrate(ctx context.Context, db *sql.DB) error {
	if db == nil {
		return errNoDatabase
	}
	dialect, err := sqldialect.Of(ctx, db)
	if err != nil {
		return fmt.Errorf("sqlonce: %w", err)
	}
	if err := migrate(ctx, db, dialect); err != nil {
		return fmt.Errorf("sqlonce: create schema: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, dialect sqldialect.Dialect) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	schema := SchemaSQLite
	switch dialect {
	case sqldialect.PostgreSQL:
		schema = SchemaPostgreSQL
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
	case sqldialect.MySQL:
		schema = SchemaMySQL
	}
	for statement := range strings.SplitSeq(schema, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if dialect == sqldialect.SQLite {
		var columns int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM pragma_table_info('fhirdock_once') WHERE name = 'rejected'").Scan(&columns)
		if err == nil && columns == 0 {
			_, err = tx.ExecContext(ctx, "ALTER TABLE fhirdock_once ADD COLUMN rejected TEXT")
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}
