package sqlonce

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Dialect of SQL.
type Dialect string

// The dialects that there are.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// The schema, for operators who do not let services alter theirs. Running it again
// does nothing.
const (
	SchemaSQLite = `CREATE TABLE IF NOT EXISTS fhirdock_once (
    batch_key  TEXT    NOT NULL PRIMARY KEY,
    claimed_at INTEGER NOT NULL -- microseconds since 1970
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fhirdock_once_claimed ON fhirdock_once (claimed_at);`

	SchemaPostgreSQL = `CREATE TABLE IF NOT EXISTS fhirdock_once (
    batch_key  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    claimed_at BIGINT NOT NULL -- microseconds since 1970
);
CREATE INDEX IF NOT EXISTS fhirdock_once_claimed ON fhirdock_once (claimed_at);`
)

// The statements that claim a key, for programs that do not use database/sql: run in
// the handler's transaction with the key and the microseconds since 1970, they
// change one row if the key is claimed by it, and none if it was before.
const (
	ClaimSQLite     = `INSERT INTO fhirdock_once (batch_key, claimed_at) VALUES (?, ?) ON CONFLICT (batch_key) DO NOTHING`
	ClaimPostgreSQL = `INSERT INTO fhirdock_once (batch_key, claimed_at) VALUES ($1, $2) ON CONFLICT (batch_key) DO NOTHING`
)

const (
	pruneSQLite     = `DELETE FROM fhirdock_once WHERE batch_key IN (SELECT batch_key FROM fhirdock_once WHERE claimed_at < ? LIMIT ?)`
	prunePostgreSQL = `DELETE FROM fhirdock_once WHERE batch_key IN (SELECT batch_key FROM fhirdock_once WHERE claimed_at < $1 LIMIT $2)`
)

// migrationLock is the advisory lock under which the schema is made on PostgreSQL,
// where two who make the same table at once are both told that they failed.
const migrationLock = 0x66686972_6f6e6365 // "fhironce"

// Migrate makes the table if it is not there. Several processes may call it at once.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sqlonce: make schema: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // of no effect behind the commit
	schema := SchemaSQLite
	if dialect == PostgreSQL {
		schema = SchemaPostgreSQL
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return fmt.Errorf("sqlonce: make schema: %w", err)
		}
	}
	for statement := range strings.SplitSeq(schema, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("sqlonce: make schema: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqlonce: make schema: %w", err)
	}
	return nil
}

// detect says which dialect a database speaks, by the type of its driver.
func detect(db *sql.DB) (Dialect, error) {
	driver := strings.ToLower(fmt.Sprintf("%T", db.Driver()))
	switch {
	case strings.Contains(driver, "sqlite"):
		return SQLite, nil
	case strings.Contains(driver, "stdlib"), strings.Contains(driver, "pgx"), strings.Contains(driver, "pq."):
		return PostgreSQL, nil
	}
	return "", errors.New("sqlonce: it can't be told which SQL the database's driver speaks; set Options.Dialect")
}
