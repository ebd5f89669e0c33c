// Package sqldialect finds out which SQL a database speaks.
package sqldialect

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Dialect is the SQL dialect of a database.
type Dialect string

// Dialects.
const (
	SQLite     Dialect = "SQLite"
	PostgreSQL Dialect = "PostgreSQL"
	MySQL      Dialect = "MySQL" // and MariaDB
)

// ErrUnknown: the database is none of these.
var ErrUnknown = errors.New("the database is neither SQLite nor PostgreSQL nor MySQL")

// Of returns the dialect of a database: by the type of its driver, or, if that is not
// known, such as a wrapper for telemetry, by asking the database.
func Of(ctx context.Context, db *sql.DB) (Dialect, error) {
	driver := strings.ToLower(fmt.Sprintf("%T", db.Driver()))
	switch {
	case strings.Contains(driver, "sqlite"):
		return SQLite, nil
	case strings.Contains(driver, "stdlib"), strings.Contains(driver, "pgx"), strings.Contains(driver, "pq."):
		return PostgreSQL, nil
	case strings.Contains(driver, "mysql"), strings.Contains(driver, "mariadb"):
		return MySQL, nil
	}
	return ask(ctx, db)
}

// ask uses that SQLite has no function version, and that the answer of PostgreSQL alone
// begins with its name.
func ask(ctx context.Context, db *sql.DB) (Dialect, error) {
	var version string
	err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version)
	switch {
	case err == nil && strings.HasPrefix(version, "PostgreSQL"):
		return PostgreSQL, nil
	case err == nil:
		var comment string // MySQL and MariaDB have this variable
		if err := db.QueryRowContext(ctx, "SELECT @@version_comment").Scan(&comment); err == nil {
			return MySQL, nil
		}
		return "", ErrUnknown
	}
	if db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version) == nil {
		return SQLite, nil
	}
	return "", fmt.Errorf("%w, or does not answer: %w", ErrUnknown, err)
}
