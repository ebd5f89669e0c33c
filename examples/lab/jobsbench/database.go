package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
)

// newSchema creates a schema in the database and returns a URL that uses it.
func newSchema(ctx context.Context, url string) (with string, drop func() error, err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return "", nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return "", nil, firstError(absent("no PostgreSQL server; set -postgres"), db.Close())
	}
	name := "jobsbench_" + strings.ToLower(rand.Text()[:12])
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+name); err != nil {
		return "", nil, firstError(err, db.Close())
	}
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + name, func() error {
		// Also after an interrupt.
		_, err := db.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+name+" CASCADE")
		return firstError(err, db.Close())
	}, nil
}

// durable describes a PostgreSQL server's guarantees for a commit.
func durable(ctx context.Context, url string) string {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return ""
	}
	defer db.Close()
	var version, commit, fsync string
	err = db.QueryRowContext(ctx, "SELECT current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync')").
		Scan(&version, &commit, &fsync)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("PostgreSQL %s, synchronous_commit=%s, fsync=%s", version, commit, fsync)
}

// analyze updates the planner's statistics of a PostgreSQL table. SQLite needs none.
func analyze(ctx context.Context, db *sql.DB, table string) error {
	if db == nil || strings.Contains(fmt.Sprintf("%T", db.Driver()), "sqlite") {
		return nil
	}
	_, err := db.ExecContext(ctx, "VACUUM ANALYZE "+table)
	return err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
