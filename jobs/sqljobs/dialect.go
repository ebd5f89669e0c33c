package sqljobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/fhirdock/fhirdock/internal/sqldialect"
)

// dialect is the SQL dialect of a database.
type dialect string

const (
	dialectSQLite     dialect = "sqlite"
	dialectPostgreSQL dialect = "postgres"
)

// dialectOf returns the dialect of a database.
func dialectOf(ctx context.Context, db *sql.DB) (dialect, error) {
	switch found, err := sqldialect.Of(ctx, db); {
	case err != nil:
		return "", fmt.Errorf("sqljobs: %w", err)
	case found == sqldialect.SQLite:
		return dialectSQLite, nil
	case found == sqldialect.PostgreSQL:
		return dialectPostgreSQL, nil
	}
	return "", errors.New("sqljobs: jobs are kept in SQLite or PostgreSQL, not in MySQL")
}

// rebind replaces the parameters ?1, ?2, … of a query with those of the dialect. No query
// has a question mark in a string.
func (d dialect) rebind(query string) string {
	if d == dialectSQLite {
		return query
	}
	return strings.ReplaceAll(query, "?", "$")
}
