package sqljobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/fhirdock/fhirdock/internal/sqlsession"
)

// reader is a database, a connection or a transaction.
type reader interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// querier is a database or a connection.
type querier interface {
	reader
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// session calls do with a session of a database.
type session func(ctx context.Context, do func(context.Context, querier) error) error

// sessions returns a function that, on PostgreSQL, calls do with one connection and with a
// context that ends after the timeout, if it is not zero.
func sessions(db *sql.DB, d dialect, timeout time.Duration) session {
	if d != dialectPostgreSQL {
		return func(ctx context.Context, do func(context.Context, querier) error) error { return do(ctx, db) }
	}
	return func(ctx context.Context, do func(context.Context, querier) error) error {
		if timeout == 0 {
			return explain(writable(ctx, db, do))
		}
		within, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		err := writable(within, db, do)
		if err != nil && ctx.Err() == nil && within.Err() != nil {
			return fmt.Errorf("no answer within %s: %w", timeout, err)
		}
		return explain(err)
	}
}

func writable(ctx context.Context, db *sql.DB, do func(context.Context, querier) error) error {
	return sqlsession.Writable(ctx, db, func(ctx context.Context, conn *sql.Conn) error { return do(ctx, conn) })
}

// selecter is a connection or a transaction.
type selecter interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read runs a query and returns the result of scan for each row.
func read[T any](ctx context.Context, s session, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	err = s(ctx, func(ctx context.Context, q querier) (err error) {
		all, err = scanned(ctx, q, scan, query, args...)
		return err
	})
	return all, err
}

// scanned is read on a connection or in a transaction.
func scanned[T any](ctx context.Context, q selecter, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err() // a serialization failure, for example, comes after the last row
}

// SQLSTATEs. https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	noSuchStatement    = "26000"
	duplicateStatement = "42P05"
	notSerializable    = "40001"
	classData          = "22"
	classConstraint    = "23"
	classProgramLimit  = "54"
)
