package sqljobs

import (
	"database/sql"
	"fmt"
	"strings"
)

// Dialect is the SQL dialect of a database.
type Dialect string

// Supported dialects.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// detect returns the dialect of a database by the type of its driver.
func detect(db *sql.DB) (Dialect, error) {
	driver := strings.ToLower(fmt.Sprintf("%T", db.Driver()))
	switch {
	case strings.Contains(driver, "sqlite"):
		return SQLite, nil
	case strings.Contains(driver, "stdlib"), strings.Contains(driver, "pgx"), strings.Contains(driver, "pq."):
		return PostgreSQL, nil
	}
	return "", fmt.Errorf("sqljobs: unknown driver %s: set Options.Dialect to %q or %q", driver, SQLite, PostgreSQL)
}

func (d Dialect) check() error {
	if d != SQLite && d != PostgreSQL {
		return fmt.Errorf("sqljobs: the dialect must be %q or %q", SQLite, PostgreSQL)
	}
	return nil
}

// rebind replaces the parameters ?1, ?2, … of a query with those of the dialect. No query
// has a question mark in a string.
func (d Dialect) rebind(query string) string {
	if d == SQLite {
		return query
	}
	return strings.ReplaceAll(query, "?", "$")
}
